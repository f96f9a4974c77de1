// The stages of an engine in the order of their work: one step per finished stage, as fsq_stage_walk.sv.
//
// A convolution engine has one stage (EXPAND1). A Fire engine squeezes one row group ahead: S0, S1, A0, B0, S2, A1, B1,
// ..., A(G-1), B(G-1). With JOINED the two expansions are one, as in a memory that holds them behind each other.
#ifndef FSQ_STAGES_HPP
#define FSQ_STAGES_HPP

#include "fsq_types.hpp"

namespace fsq {

enum Stage { SQUEEZE, EXPAND1, EXPAND3 };

template <bool FIRE, bool JOINED, int GROUPS> struct StageWalk {
    Stage stage = FIRE ? SQUEEZE : EXPAND1;
    upto<GROUPS> squeezed = 0;  // row groups that are behind the squeeze, and behind the last stage
    upto<GROUPS> expanded = 0;

    bool group_end() const { return !FIRE || stage == EXPAND3 || (JOINED && stage == EXPAND1); }

    // The stage behind this one.
    Stage following() const {
        if (!FIRE) return EXPAND1;
        // the first squeeze is followed by the second
        if (stage == SQUEEZE) return squeezed == 0 && GROUPS > 1 ? SQUEEZE : EXPAND1;
        if (!group_end()) return EXPAND3;
        return squeezed != GROUPS ? SQUEEZE : EXPAND1;
    }

    void next() {
        FSQ_INLINE
        const Stage to = following();
        if (FIRE && stage == SQUEEZE) squeezed = squeezed + 1;
        else if (group_end()) expanded = expanded + 1;
        stage = to;
    }
};

}  // namespace fsq
#endif
