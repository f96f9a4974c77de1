// Integers of fixed width for C simulation: a native integer that wraps to its width when it is assigned.
//
// Stands in for ap_int and ap_uint where FSQ_CSIM_NATIVE is defined, and makes a frame about ten times as fast.
// Arithmetic happens in `int` up to 31 bits and in `long long` above; the kernels cast an operand to the width of the
// result before they add, multiply or shift, so that both kinds of integer give the same values.
#ifndef FSQ_SIM_INT_HPP
#define FSQ_SIM_INT_HPP

namespace fsq {

template <int BYTES> struct sim_storage;
template <> struct sim_storage<1> { typedef signed char sint; typedef unsigned char uint; };
template <> struct sim_storage<2> { typedef short sint; typedef unsigned short uint; };
template <> struct sim_storage<4> { typedef int sint; typedef unsigned int uint; };
template <> struct sim_storage<8> { typedef long long sint; typedef unsigned long long uint; };

template <int BITS, bool SIGNED> struct sim_int {
    static_assert(BITS >= 1 && BITS <= 63, "sim_int holds 1 to 63 bits");
    typedef sim_storage<(BITS <= 8 ? 1 : BITS <= 16 ? 2 : BITS <= 32 ? 4 : 8)> storage;
    typedef typename choose<SIGNED, typename storage::sint, typename storage::uint>::type native;
    typedef typename choose<(BITS <= 31), int, long long>::type arithmetic;
    typedef typename choose<(BITS <= 31), unsigned int, unsigned long long>::type bits;

    native v;

    static native wrap(bits x) {
        const int spare = static_cast<int>(sizeof(bits)) * 8 - BITS;
        return SIGNED ? static_cast<native>(static_cast<arithmetic>(x << spare) >> spare)
                      : static_cast<native>((x << spare) >> spare);
    }

    sim_int() = default;
    sim_int(int x) : v(wrap(static_cast<bits>(x))) {}
    sim_int(long long x) : v(wrap(static_cast<bits>(x))) {}
    sim_int(unsigned long long x) : v(wrap(static_cast<bits>(x))) {}
    template <int W, bool S> sim_int(const sim_int<W, S>& x) : v(wrap(static_cast<bits>(x.v))) {}
    template <int W> sim_int(const ap_uint<W>& x) : v(wrap(static_cast<bits>(x.to_uint64()))) {}
    template <int W, bool S> sim_int(const ap_int_base<W, S>& x) : v(wrap(static_cast<bits>(x.to_uint64()))) {}

    operator arithmetic() const { return static_cast<arithmetic>(v); }
};

}  // namespace fsq
#endif
