// hls::stream for C simulation over ap_int.h of this folder. A word read from an empty stream and words that nobody has
// read are told on standard output, in the words of the vendor's header.
#ifndef FSQ_AC_HLS_STREAM_H
#define FSQ_AC_HLS_STREAM_H

#include <cstddef>
#include <deque>
#include <iostream>

namespace hls {

template <class T> class stream {
  public:
    stream() = default;
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    ~stream() {
        if (!words_.empty()) warn("contains leftover data");
    }

    bool empty() const { return words_.empty(); }
    std::size_t size() const { return words_.size(); }
    void write(const T& word) { words_.push_back(word); }
    T read() {
        if (words_.empty()) {
            warn("is read while empty");
            return T();
        }
        const T word = words_.front();
        words_.pop_front();
        return word;
    }

  private:
    static void warn(const char* what) {
        std::cout << "WARNING: hls::stream " << what << "; RTL may hang." << std::endl;
    }

    std::deque<T> words_;
};

}  // namespace hls

#endif
