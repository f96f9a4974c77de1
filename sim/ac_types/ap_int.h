// ap_int and ap_uint over Algorithmic C's ac_int: a second integer library for C simulation, of another author.
//
// Integers are as strict as those of HLS tools that build on ac_int (Bambu): the constructor without a value sets nothing
// and is explicit, so that `x = {}` does not compile.
#ifndef FSQ_AC_AP_INT_H
#define FSQ_AC_AP_INT_H

#include <ac_int.h>
#include <type_traits>

namespace fsq_ac {

// Bits hi..lo of an integer, to be read or written.
template <int W, bool S> class bit_range {
  public:
    typedef ac_int<W, false> bits;

    bit_range(ac_int<W, S>& of, int hi, int lo) : of_(of), width_(hi - lo + 1), low_(lo) {}

    static bits read(const ac_int<W, S>& of, int hi, int lo) { return (bits(of) >> lo) & mask(hi - lo + 1); }
    operator bits() const { return read(of_, low_ + width_ - 1, low_); }

    template <class T> bit_range& operator=(const T& value) {
        of_ = (bits(of_) & ~(mask(width_) << low_)) | ((bits(value) & mask(width_)) << low_);
        return *this;
    }
    bit_range& operator=(const bit_range& other) { return *this = bits(other); }
    bit_range(const bit_range&) = default;

  private:
    static bits mask(int width) { return bits(-1) >> (W - width); }

    ac_int<W, S>& of_;
    const int width_;
    const int low_;
};

template <int W, bool S> class integer : public ac_int<W, S> {
    typedef ac_int<W, S> base;

  public:
    explicit integer() = default;
    template <int W2, bool S2> integer(const ac_int<W2, S2>& value) : base(value) {}
    template <class T, class = typename std::enable_if<std::is_arithmetic<T>::value>::type>
    integer(T value) : base(value) {}
    template <int W2, bool S2>
    integer(const bit_range<W2, S2>& value) : base(static_cast<typename bit_range<W2, S2>::bits>(value)) {}

    bit_range<W, S> range(int hi, int lo) { return bit_range<W, S>(*this, hi, lo); }
    ac_int<W, false> range(int hi, int lo) const { return bit_range<W, S>::read(*this, hi, lo); }
};

}  // namespace fsq_ac

template <int W> using ap_int = fsq_ac::integer<W, true>;
template <int W> using ap_uint = fsq_ac::integer<W, false>;

#endif
