// Self-checking bench of one HLS top: sends golden's words, compares every pixel of every word that comes back.
//
// Usage: hls_bench FRAMES INPUT... EXPECTED...
//   INPUT, EXPECTED  words of all frames, each in whole bytes, least significant first; a file per port, in their order
//
// fsq_bench_top.hpp, written for the top, gives FSQ_BENCH_KERNEL (a name), FSQ_BENCH_TOP (the function), FSQ_BENCH_PORTS
// (the names of its ports), FSQ_BENCH_INPUTS(X) with X(name, port, words per frame) and FSQ_BENCH_OUTPUTS(X) with X(name,
// port, stream, and of the tensor that comes out channels, height, width, rows of a group, bits of a pixel, signed).
//
// Prints one line per frame and, where something differs, one for the first pixel that does:
//   FSQ kernel=NAME frame=N words=W values=V mismatches=M left=L
//   FSQ first kernel=NAME stream=S frame=N channel=C row=Y column=X expected=E got=G
// words: that came back and were compared; left: input words that were not read; got=none: the word never came. Exit code
// 0 where all is equal, 1 where something differs, 2 on a file that cannot be used.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "fsq_top.hpp"
#include "fsq_bench_top.hpp"

namespace {

typedef std::vector<unsigned char> bytes_t;

// ---- words of a stream as bytes

template <int BITS> ap_uint<BITS> from_bytes(const unsigned char* bytes) {
    ap_uint<BITS> word = 0;
    for (int first = 0; first < BITS; first += 64) {
        const int end = first + 64 < BITS ? first + 64 : BITS;
        unsigned long long limb = 0;
        for (int bit = first; bit < end; bit += 8) limb |= static_cast<unsigned long long>(bytes[bit / 8]) << (bit - first);
        word.range(end - 1, first) = limb;
    }
    return word;
}

template <int BITS> bytes_t to_bytes(const ap_uint<BITS>& word) {
    bytes_t bytes((BITS + 7) / 8);
    for (int first = 0; first < BITS; first += 64) {
        const int end = first + 64 < BITS ? first + 64 : BITS;
        const ap_uint<64> limb = word.range(end - 1, first);
        const unsigned long long value = limb.to_uint64();
        for (int bit = first; bit < end; bit += 8) bytes[bit / 8] = static_cast<unsigned char>(value >> (bit - first));
    }
    return bytes;
}

// ---- kinds of ports: row words, and AXI4-Stream beats

template <int BITS> struct word_port {
    typedef ap_uint<BITS> type;
    static constexpr int SIZE = (BITS + 7) / 8;
    static type make(const unsigned char* bytes, bool) { return from_bytes<BITS>(bytes); }
    static bytes_t bytes(const type& word) { return to_bytes<BITS>(word); }
    static bool ends(const type&, bool) { return true; }
};

struct beat_in_port {
    typedef fsq_beat_in type;
    static constexpr int SIZE = 8;
    static type make(const unsigned char* bytes, bool last) {
        fsq_beat_in beat;
        FSQ_BEAT_SET(beat, from_bytes<64>(bytes), last);
        return beat;
    }
};

struct beat_out_port {
    typedef fsq_beat_out type;
    static constexpr int SIZE = 4;
    static bytes_t bytes(const type& beat) {
        const ap_uint<32> data = FSQ_BEAT_DATA(beat);
        return to_bytes<32>(data);
    }
    static bool ends(const type& beat, bool last) { return FSQ_BEAT_LAST(beat, last); }
};

// ---- files

bytes_t read_file(const char* path, unsigned long long size) {
    std::FILE* file = std::fopen(path, "rb");
    if (!file) {
        std::fprintf(stderr, "error: cannot open %s\n", path);
        std::exit(2);
    }
    bytes_t bytes;
    unsigned char part[1 << 16];
    for (std::size_t n; (n = std::fread(part, 1, sizeof(part), file)) > 0;) bytes.insert(bytes.end(), part, part + n);
    std::fclose(file);
    if (bytes.size() != size) {
        std::fprintf(stderr, "error: %s holds %llu bytes, not %llu\n", path, static_cast<unsigned long long>(bytes.size()),
                     size);
        std::exit(2);
    }
    return bytes;
}

// ---- what goes in and comes out

template <class PORT> struct Input {
    hls::stream<typename PORT::type>& stream;
    unsigned long long words;  // per frame
    bytes_t bytes;
    const unsigned char* next;

    Input(hls::stream<typename PORT::type>& stream, unsigned long long words, const char* path, unsigned long long frames)
        : stream(stream), words(words), bytes(read_file(path, frames * words * PORT::SIZE)), next(bytes.data()) {}

    void send() {
        for (unsigned long long i = 0; i < words; ++i, next += PORT::SIZE) stream.write(PORT::make(next, i == words - 1));
    }
    // Words that were not read.
    unsigned long long left() {
        unsigned long long count = 0;
        for (; !stream.empty(); ++count) stream.read();
        return count;
    }
};

struct Tensor {
    const char* stream;
    int channels, height, width, rows, bits;
    bool is_signed;

    unsigned long long words() const { return 1ull * channels * height; }

    // Pixel x of a word.
    long long pixel(const unsigned char* bytes, int x) const {
        unsigned long long value = 0;
        for (int i = 0; i < bits; ++i) {
            const int bit = x * bits + i;
            value |= static_cast<unsigned long long>((bytes[bit / 8] >> (bit % 8)) & 1) << i;
        }
        const unsigned long long sign = 1ull << (bits - 1);
        if (is_signed && (value & sign)) return static_cast<long long>(value) - static_cast<long long>(2 * sign);
        return static_cast<long long>(value);
    }

    // Channel and row of word n of a frame.
    void locate(unsigned long long n, int& channel, int& row) const {
        const unsigned long long group = 1ull * rows * channels;
        const int first = static_cast<int>(n / group) * rows;
        const int here = first + rows < height ? rows : height - first;
        channel = static_cast<int>(n % group) / here;
        row = first + static_cast<int>(n % group) % here;
    }
};

bool reported = false;

void report(const Tensor& tensor, unsigned long long frame, unsigned long long n, int x, long long expected,
            const std::string& got) {
    if (reported) return;
    reported = true;
    int channel = 0;
    int row = 0;
    tensor.locate(n, channel, row);
    std::printf("FSQ first kernel=%s stream=%s frame=%llu channel=%d row=%d column=%d expected=%lld got=%s\n",
                FSQ_BENCH_KERNEL, tensor.stream, frame, channel, row, x, expected, got.c_str());
}

template <class PORT> struct Output {
    hls::stream<typename PORT::type>& stream;
    Tensor tensor;
    bytes_t bytes;
    const unsigned char* next;

    Output(hls::stream<typename PORT::type>& stream, const Tensor& tensor, const char* path, unsigned long long frames)
        : stream(stream), tensor(tensor), bytes(read_file(path, frames * tensor.words() * PORT::SIZE)), next(bytes.data()) {}

    // Pixels of word n that are not as expected; `got` is null where the word never came.
    int differences(unsigned long long frame, unsigned long long n, const unsigned char* got) const {
        int count = 0;
        for (int x = 0; x < tensor.width; ++x) {
            const long long want = tensor.pixel(next, x);
            if (got && tensor.pixel(got, x) == want) continue;
            ++count;
            report(tensor, frame, n, x, want, got ? std::to_string(tensor.pixel(got, x)) : std::string("none"));
        }
        return count;
    }

    void compare(unsigned long long frame, unsigned long long& words, unsigned long long& mismatches) {
        for (unsigned long long n = 0; n < tensor.words(); ++n, next += PORT::SIZE) {
            if (stream.empty()) {
                mismatches += differences(frame, n, nullptr);
                continue;
            }
            const typename PORT::type word = stream.read();
            const bytes_t got = PORT::bytes(word);
            ++words;
            mismatches += differences(frame, n, got.data());
            if (!PORT::ends(word, n == tensor.words() - 1)) {
                ++mismatches;
                std::fprintf(stderr, "error: frame %llu: TLAST is wrong at word %llu\n", frame, n);
            }
        }
        for (; !stream.empty(); mismatches += tensor.width) stream.read();  // more words than a frame has
    }
};

}  // namespace

#ifdef FSQ_CSIM
// In software the sources show their streams to whoever runs them; here only the outputs count.
void fsq_tap_word(int, int, const unsigned long long*) {}
void fsq_tap_term(int, int, const unsigned long long*) {}
void fsq_tap_count(int, unsigned long long) {}
void fsq_broken(const char* name, const char* what) {
    std::fprintf(stderr, "error: %s: %s\n", name, what);
    std::exit(2);
}
#endif

#define FSQ_COUNT(...) +1
const int files = 0 FSQ_BENCH_INPUTS(FSQ_COUNT) FSQ_BENCH_OUTPUTS(FSQ_COUNT);

#define FSQ_STREAM(name, port, ...) static hls::stream<port::type> name;
#define FSQ_INPUT(name, port, words) Input<port> name##_words(name, words, *path++, frames);
#define FSQ_OUTPUT(name, port, ...) Output<port> name##_words(name, Tensor{__VA_ARGS__}, *path++, frames);
#define FSQ_SEND(name, ...) name##_words.send();
#define FSQ_COMPARE(name, port, stream, channels, height, width, ...)       \
    name##_words.compare(frame, words, mismatches);                         \
    values += 1ull * channels * height * width;
#define FSQ_LEFT(name, ...) left += name##_words.left();

int main(int argc, char** argv) {
    if (argc != 2 + files) {
        std::fprintf(stderr, "usage: hls_bench FRAMES INPUT... EXPECTED...\n");
        return 2;
    }
    const unsigned long long frames = std::strtoull(argv[1], nullptr, 10);
    char** path = argv + 2;
    FSQ_BENCH_INPUTS(FSQ_STREAM)
    FSQ_BENCH_OUTPUTS(FSQ_STREAM)
    FSQ_BENCH_INPUTS(FSQ_INPUT)
    FSQ_BENCH_OUTPUTS(FSQ_OUTPUT)
    bool equal = frames > 0;

    for (unsigned long long frame = 0; frame < frames; ++frame) {
        FSQ_BENCH_INPUTS(FSQ_SEND)
        FSQ_BENCH_TOP(FSQ_BENCH_PORTS);

        unsigned long long words = 0;
        unsigned long long values = 0;
        unsigned long long mismatches = 0;
        unsigned long long left = 0;
        FSQ_BENCH_OUTPUTS(FSQ_COMPARE)
        FSQ_BENCH_INPUTS(FSQ_LEFT)
        std::printf("FSQ kernel=%s frame=%llu words=%llu values=%llu mismatches=%llu left=%llu\n", FSQ_BENCH_KERNEL, frame,
                    words, values, mismatches, left);
        std::fflush(stdout);
        equal = equal && mismatches == 0 && left == 0;
    }
    return equal ? 0 : 1;
}
