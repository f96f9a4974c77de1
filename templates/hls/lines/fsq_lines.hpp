// Row buffer of an engine: takes row words, keeps the rows a window needs, gives every lane its pixel.
//
// Rows are spread over ROWS banks so that ROWS output rows read at once: row y lies in bank (y / STRIDE) mod ROWS, in
// slot (y / (ROWS * STRIDE)) mod SLOTS; a slot holds STRIDE rows of every bank. Places are stepped, never divided.
// Words arrive in groups of IN_ROWS rows: all channels of the group, and for each channel its rows.
//
// A buffer's description B gives CHANNELS, HEIGHT, WIDTH, BITS, SIGNED, FLIP (pixels enter the lanes with their top bit
// inverted: signed ones 2^(BITS-1) higher, as unsigned, unsigned ones as much lower, as signed), IN_ROWS, ROWS, STRIDE, SLOTS, WINDOW_ROWS and WINDOW_COLUMNS (all kernels that read it lie within),
// PAD_TOP, PAD_LEFT, PHASES, LANES, GROUPS, CURSORS (places at which it is read), the place TOP_SLOT, TOP_BANK, TOP_SUB of
// row -PAD_TOP, and pad_value(channel), the pixel outside the image.
#ifndef FSQ_LINES_HPP
#define FSQ_LINES_HPP

#include "fsq_hazard.hpp"
#include "fsq_types.hpp"

namespace fsq {

template <class B> using pixel_of = integer<B::BITS, B::SIGNED>;
template <class B> using row_memory = pixel_of<B>[B::ROWS][B::SLOTS * B::STRIDE][B::CHANNELS][B::WIDTH];
template <class B> using row_word = ap_uint<B::WIDTH * B::BITS>;
// Row numbers: from above the image to below the last window.
template <class B>
using row_number = sint<1 + bits_of((B::GROUPS + 2) * B::ROWS * B::STRIDE + B::WINDOW_ROWS + B::PAD_TOP + B::HEIGHT)>;

template <class B> struct RowPlace {
    upto<B::SLOTS> slot;
    upto<B::ROWS> bank;
    upto<B::STRIDE> sub;

    void next_slot() {
        FSQ_INLINE
        if (slot == B::SLOTS - 1) slot = 0;
        else slot = slot + 1;
    }
    void next_row() {
        FSQ_INLINE
        if (sub != B::STRIDE - 1) {
            sub = sub + 1;
        } else {
            sub = 0;
            if (bank != B::ROWS - 1) {
                bank = bank + 1;
            } else {
                bank = 0;
                next_slot();
            }
        }
    }
};

// Where the next word goes, and how many slots are free.
template <class B> struct RowWriter {
    RowPlace<B> place = {0, 0, 0};
    RowPlace<B> first = {0, 0, 0};  // of the arriving group
    upto<B::CHANNELS> channel = 0;
    upto<B::IN_ROWS> row = 0;       // within the group
    upto<B::HEIGHT> y = 0;
    upto<B::HEIGHT> y_first = 0;
    upto<B::SLOTS> free_slots = B::SLOTS;
    upto<B::HEIGHT> rows_in = 0;    // complete rows

    bool opens_slot() const { return channel == 0 && place.sub == 0 && place.bank == 0; }
    bool blocked() const { return opens_slot() && free_slots == 0; }

    // Takes the slot that the next word opens, if it opens one. The slot comes back through free_slots.
    void claim() {
        FSQ_INLINE
        if (opens_slot()) free_slots = free_slots - 1;
    }

    // Stores a row of one channel; returns true where it completes the row.
    template <class PIXEL> bool put(row_memory<B>& lines, const PIXEL (&pixels)[B::WIDTH]) {
        FSQ_INLINE
        FSQ_WROTE(B, place.bank, place.slot * B::STRIDE + place.sub, channel);
        FSQ_UNROLL_ABOVE
        for (int x = 0; x < B::WIDTH; ++x) {
            FSQ_UNROLL_INSIDE
            lines[place.bank][place.slot * B::STRIDE + place.sub][channel][x] = pixel_of<B>(pixels[x]);
        }
        const bool last_channel = channel == B::CHANNELS - 1;
        const bool last_row = row == B::IN_ROWS - 1 || y == B::HEIGHT - 1;
        if (last_channel) rows_in = rows_in + 1;
        if (!last_row) {
            row = row + 1;
            y = y + 1;
            place.next_row();
        } else if (!last_channel) {
            row = 0;
            channel = channel + 1;
            y = y_first;
            place = first;
        } else {
            row = 0;
            channel = 0;
            y = y + 1;
            place.next_row();
            y_first = y;
            first = place;
        }
        return last_channel;
    }
};

// The window of a row group. Its groups start at the top of a slot's rows, or as far above as PAD_TOP says: of the place
// of a kernel row only the slot changes from group to group.
template <class B> struct RowWindow {
    upto<B::SLOTS> slot = B::TOP_SLOT;
    row_number<B> y = -B::PAD_TOP;

    void next_group() {
        FSQ_INLINE
        if (slot == B::SLOTS - 1) slot = 0;
        else slot = slot + 1;
        y = y + B::ROWS * B::STRIDE;
    }

    // Where row ky of the window lies.
    RowPlace<B> place(int ky) const {
        FSQ_INLINE
        const int TOP = B::TOP_BANK * B::STRIDE + B::TOP_SUB;
        const int SPAN = B::ROWS * B::STRIDE;
        RowPlace<B> here = {0, 0, 0};
        upto<2 * B::SLOTS> sum = 0;
        FSQ_UNROLL_ABOVE
        for (int k = 0; k < B::WINDOW_ROWS; ++k) {
            FSQ_UNROLL_INSIDE
            if (ky == k) {
                sum = slot + (TOP + k) / SPAN % B::SLOTS;
                here.bank = (TOP + k) % SPAN / B::STRIDE;
                here.sub = (TOP + k) % B::STRIDE;
            }
        }
        here.slot = sum < B::SLOTS ? static_cast<int>(sum) : static_cast<int>(sum) - B::SLOTS;
        return here;
    }
};

// The places at which a buffer is read, from CURSOR down: stages of different delays read different row groups.
template <class B, int CURSOR = B::CURSORS - 1> struct Cursors {
    RowWindow<B> window;
    Cursors<B, CURSOR - 1> others;

    RowWindow<B> at(int cursor) const { return cursor == CURSOR ? window : others.at(cursor); }
    void next_group(int cursor) {
        FSQ_INLINE
        if (cursor == CURSOR) window.next_group();
        else others.next_group(cursor);
    }
};
template <class B> struct Cursors<B, 0> {
    RowWindow<B> window;

    RowWindow<B> at(int) const { return window; }
    void next_group(int) {
        FSQ_INLINE
        window.next_group();
    }
};

// A pixel as the lanes take it.
template <class B, class OPERAND> inline OPERAND lane_pixel(const pixel_of<B>& pixel) {
    FSQ_INLINE
    typedef uint<B::BITS> bits;
    typedef integer<B::BITS, !B::SIGNED> flipped;
    return B::FLIP ? OPERAND(flipped(bits(pixel) ^ bits(1 << (B::BITS - 1)))) : OPERAND(pixel);
}

// Every lane chooses its pixel of the window's row ky: lane l of a row stands at x = (l * PHASES + phase) * STRIDE + kx -
// PAD_LEFT, and offset = phase * STRIDE + kx. Each lane has a choice among as many pixels as there are offsets.
//
// Where the pixels are not `used` they are of no consequence: hardware reads all the same, a C simulation does not.
template <class B, class OFFSET, class CHANNEL, class OPERAND>
inline void read_pixels(const row_memory<B>& lines, const RowWindow<B>& window, CHANNEL channel, int ky, OFFSET offset,
                        bool used, OPERAND (&pixels)[B::ROWS][B::LANES]) {
    FSQ_INLINE
#ifdef FSQ_CSIM
    if (!used) return;
#endif
    static_cast<void>(used);
    const int OFFSETS = (B::PHASES - 1) * B::STRIDE + B::WINDOW_COLUMNS;
    OPERAND chosen[B::ROWS][B::LANES];
    FSQ_REGISTERS(chosen)
    const OPERAND pad = lane_pixel<B, OPERAND>(pixel_of<B>(B::pad_value(channel)));
    const RowPlace<B> place = window.place(ky);
    FSQ_UNROLL_ABOVE
    for (int bank = 0; bank < B::ROWS; ++bank) {
        FSQ_UNROLL_INSIDE
        // banks before the window's first one hold rows of the next slot
        const bool wrapped = bank < place.bank;
        RowPlace<B> here = place;
        if (wrapped) here.next_slot();
        const int row = bank - static_cast<int>(place.bank) + (wrapped ? B::ROWS : 0);
        const row_number<B> y = window.y + ky + row * B::STRIDE;
        const bool inside = y >= 0 && y < B::HEIGHT;
        const int line = here.slot * B::STRIDE + here.sub;
        if (inside) FSQ_READS(B, bank, line, channel);
        // the word of the row is read once, whatever the lanes then take of it
        OPERAND pixel[B::WIDTH];
        FSQ_REGISTERS(pixel)
        FSQ_UNROLL_ABOVE
        for (int x = 0; x < B::WIDTH; ++x) {
            FSQ_UNROLL_INSIDE
            const OPERAND held = lane_pixel<B, OPERAND>(lines[bank][line][channel][x]);
            pixel[x] = inside ? held : pad;
        }
        FSQ_UNROLL_ABOVE
        for (int l = 0; l < B::LANES; ++l) {
            FSQ_UNROLL_INSIDE
            chosen[bank][l] = pad;
        }
        FSQ_UNROLL_ABOVE
        for (int n = 0; n < OFFSETS; ++n) {
            FSQ_UNROLL_INSIDE
            if (offset == n) {
                FSQ_UNROLL_ABOVE
                for (int l = 0; l < B::LANES; ++l) {
                    FSQ_UNROLL_INSIDE
                    const int x = l * B::PHASES * B::STRIDE + n - B::PAD_LEFT;
                    if (x >= 0 && x < B::WIDTH) chosen[bank][l] = pixel[x];
                }
            }
        }
    }
    FSQ_UNROLL_ABOVE
    for (int r = 0; r < B::ROWS; ++r) {
        FSQ_UNROLL_INSIDE
        const int sum = static_cast<int>(place.bank) + r;
        const int bank = sum < B::ROWS ? sum : sum - B::ROWS;
        FSQ_UNROLL_ABOVE
        for (int l = 0; l < B::LANES; ++l) {
            FSQ_UNROLL_INSIDE
            pixels[r][l] = chosen[bank][l];
        }
    }
}

}  // namespace fsq
#endif
