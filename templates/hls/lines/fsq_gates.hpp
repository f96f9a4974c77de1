// When the rows of a stage's row group may be read.
#ifndef FSQ_GATES_HPP
#define FSQ_GATES_HPP

#include "fsq_types.hpp"

namespace fsq {

// They are there, and the last of them was written FSQ_SETTLE turns ago. That is more than the pipeline of a turn is deep,
// so that no read has to wait for a write.
//
// P gives GROUPS, and of a stage height (rows of its source), rows_step (rows from group to group), need_first and
// need_second (rows of the first two groups).
template <class P, int STAGE> struct RowGate {
    typedef upto<P::height(STAGE)> rows;

    rows need = P::need_first(STAGE);  // of the running group, and of the next
    rows need_next = P::need_second(STAGE);
    upto<FSQ_SETTLE> settle = 0;
    upto<FSQ_SETTLE> settle_next = 0;

    bool open(const rows& rows_in) const { return rows_in >= need && settle == 0; }
    bool wants(const rows& rows_in) const { return rows_in < need_next; }

    void turn() {
        FSQ_INLINE
        if (settle != 0) settle = settle - 1;
        if (settle_next != 0) settle_next = settle_next - 1;
    }
    // A row was completed, and now there are so many.
    void completed(const rows& rows_in) {
        FSQ_INLINE
        if (rows_in == need) settle = FSQ_SETTLE;
        if (rows_in == need_next) settle_next = FSQ_SETTLE;
    }
    // Where the stage ends: values are chosen, not the gate that gets them. Rows beyond the next group's that are there
    // already may be new.
    void next_group(bool ends, int group, const rows& rows_in) {
        FSQ_INLINE
        const int rows_after = static_cast<int>(need_next) + P::rows_step(STAGE);
        const rows after = group >= P::GROUPS - 2 || rows_after >= P::height(STAGE) ? P::height(STAGE) : rows_after;
        const bool ahead = after != need_next && rows_in >= after;
        need = ends ? need_next : need;
        settle = ends ? settle_next : settle;
        if (ends && ahead) settle_next = FSQ_SETTLE;
        need_next = ends ? after : need_next;
    }
};

// The gates of all stages from STAGE on. P also gives source(stage): 0 for the rows that arrive, else a number of stored
// rows; `stored` tells how many of those are complete.
template <class P, int STAGE = 0, bool MORE = (STAGE < P::STAGES)> struct RowGates {
    RowGate<P, STAGE> gate;
    RowGates<P, STAGE + 1> others;

    template <class STORED> static int complete(int arrived, const STORED& stored) {
        return P::source(STAGE) == 0 ? arrived : stored.rows_in(P::source(STAGE));
    }
    template <class STORED> bool open(int stage, int arrived, const STORED& stored) const {
        return stage == STAGE ? gate.open(complete(arrived, stored)) : others.open(stage, arrived, stored);
    }
    // Whether a stage needs more of the rows that arrive.
    bool wants(int arrived) const {
        FSQ_INLINE
        return (P::source(STAGE) == 0 && gate.wants(arrived)) || others.wants(arrived);
    }
    void turn() {
        FSQ_INLINE
        gate.turn();
        others.turn();
    }
    void completed(int source, int rows_in) {
        FSQ_INLINE
        if (P::source(STAGE) == source) gate.completed(rows_in);
        others.completed(source, rows_in);
    }
    template <class STORED> void next_group(int stage, int group, int arrived, const STORED& stored) {
        FSQ_INLINE
        gate.next_group(stage == STAGE, group, complete(arrived, stored));
        others.next_group(stage, group, arrived, stored);
    }
};
template <class P, int STAGE> struct RowGates<P, STAGE, false> {
    template <class STORED> bool open(int, int, const STORED&) const { return true; }
    bool wants(int) const { return false; }
    void turn() {}
    void completed(int, int) {}
    template <class STORED> void next_group(int, int, int, const STORED&) {}
};

}  // namespace fsq
#endif
