// Where the next word of a stream lies: words come in groups of IN_ROWS rows (the last group may have fewer), all channels
// of the group, and for each channel its rows.
//
// P gives CHANNELS, HEIGHT, IN_ROWS.
#ifndef FSQ_WALK_HPP
#define FSQ_WALK_HPP

#include "fsq_types.hpp"

namespace fsq {

template <class P> struct WordWalk {
    upto<P::CHANNELS> channel = 0;
    upto<P::IN_ROWS> row = 0;  // within the group
    upto<P::HEIGHT> y = 0;
    upto<P::HEIGHT> y_first = 0;

    void next() {
        FSQ_INLINE
        const bool last_channel = channel == P::CHANNELS - 1;
        const bool last_row = row == P::IN_ROWS - 1 || y == P::HEIGHT - 1;
        if (!last_row) {
            row = row + 1;
            y = y + 1;
        } else {
            row = 0;
            if (!last_channel) {
                channel = channel + 1;
                y = y_first;
            } else {
                channel = 0;
                y = y + 1;
                y_first = y;
            }
        }
    }
};

}  // namespace fsq
#endif
