// The stages of an engine, or the segments of their weights, in the order of their work, as fsq_stage_walk.sv.
//
// In step t, stage after stage, each runs row group t - delay, if that lies in 0..GROUPS-1: with delays 0, 1, 1 a Fire
// engine squeezes one row group ahead. P gives STAGES, GROUPS, STEPS (GROUPS and the largest delay) and delay(stage).
#ifndef FSQ_STAGES_HPP
#define FSQ_STAGES_HPP

#include "fsq_types.hpp"

namespace fsq {

template <class P> struct StageWalk {
    upto<P::STEPS> step = 0;  // STEPS: the frame is done
    upto<P::STAGES> stage = 0;

    bool ended() const { return step == P::STEPS; }
    int group() const { return static_cast<int>(step) - P::delay(stage); }
    bool last_group() const { return group() == P::GROUPS - 1; }
    static bool runs(int stage, int step) { return step >= P::delay(stage) && step < P::delay(stage) + P::GROUPS; }

    // Whether a stage behind this one runs in the same step, and the stage that is next.
    bool later(int& to) const {
        FSQ_INLINE
        bool found = false;
        to = 0;
        FSQ_UNROLL_ABOVE
        for (int i = P::STAGES - 1; i >= 0; --i) {
            FSQ_UNROLL_INSIDE
            if (runs(i, static_cast<int>(step) + 1)) to = i;
        }
        FSQ_UNROLL_ABOVE
        for (int i = P::STAGES - 1; i > 0; --i) {
            FSQ_UNROLL_INSIDE
            if (stage < i && runs(i, step)) {
                to = i;
                found = true;
            }
        }
        return found;
    }
    int following() const {
        FSQ_INLINE
        int to = 0;
        later(to);
        return to;
    }
    void next() {
        FSQ_INLINE
        int to = 0;
        if (!later(to)) step = step + 1;
        stage = to;
    }
};

}  // namespace fsq
#endif
