// Self-checking bench of one HLS top: sends golden's words, compares every pixel of every word that comes back.
//
// Usage: hls_bench FRAMES INPUT EXPECTED
//   INPUT, EXPECTED  words of all frames, each in whole bytes, least significant first
//
// fsq_bench_top.hpp, written for the top, gives FSQ_BENCH_KERNEL (a name), FSQ_BENCH_TOP (the function), FSQ_BENCH_IN and
// FSQ_BENCH_OUT (ports, see below), FSQ_BENCH_IN_WORDS (words per frame), and the tensor that comes out, in groups of
// FSQ_BENCH_ROWS rows, channel after channel: FSQ_BENCH_CHANNELS, _HEIGHT, _WIDTH, _BITS (of a pixel), _SIGNED.
//
// Prints one line per frame and, where something differs, one for the first pixel that does:
//   FSQ kernel=NAME frame=N words=W values=V mismatches=M left=L
//   FSQ first kernel=NAME frame=N channel=C row=Y column=X expected=E got=G
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

typedef FSQ_BENCH_IN in_port;
typedef FSQ_BENCH_OUT out_port;
const unsigned long long out_words = 1ull * FSQ_BENCH_CHANNELS * FSQ_BENCH_HEIGHT;

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

// ---- comparison

// Pixel x of a word.
long long pixel(const unsigned char* bytes, int x) {
    unsigned long long value = 0;
    for (int i = 0; i < FSQ_BENCH_BITS; ++i) {
        const int bit = x * FSQ_BENCH_BITS + i;
        value |= static_cast<unsigned long long>((bytes[bit / 8] >> (bit % 8)) & 1) << i;
    }
    const unsigned long long sign = 1ull << (FSQ_BENCH_BITS - 1);
    if (FSQ_BENCH_SIGNED && (value & sign)) return static_cast<long long>(value) - static_cast<long long>(2 * sign);
    return static_cast<long long>(value);
}

// Channel and row of word n of a frame.
void locate(unsigned long long n, int& channel, int& row) {
    const unsigned long long group = 1ull * FSQ_BENCH_ROWS * FSQ_BENCH_CHANNELS;
    const int first = static_cast<int>(n / group) * FSQ_BENCH_ROWS;
    const int rows = first + FSQ_BENCH_ROWS < FSQ_BENCH_HEIGHT ? FSQ_BENCH_ROWS : FSQ_BENCH_HEIGHT - first;
    channel = static_cast<int>(n % group) / rows;
    row = first + static_cast<int>(n % group) % rows;
}

bool reported = false;

void report(unsigned long long frame, unsigned long long n, int x, long long expected, const std::string& got) {
    if (reported) return;
    reported = true;
    int channel = 0;
    int row = 0;
    locate(n, channel, row);
    std::printf("FSQ first kernel=%s frame=%llu channel=%d row=%d column=%d expected=%lld got=%s\n", FSQ_BENCH_KERNEL, frame,
                channel, row, x, expected, got.c_str());
}

// Pixels of word n that are not as expected; `got` is null where the word never came.
int differences(unsigned long long frame, unsigned long long n, const unsigned char* expected, const unsigned char* got) {
    int count = 0;
    for (int x = 0; x < FSQ_BENCH_WIDTH; ++x) {
        const long long want = pixel(expected, x);
        if (got && pixel(got, x) == want) continue;
        ++count;
        report(frame, n, x, want, got ? std::to_string(pixel(got, x)) : std::string("none"));
    }
    return count;
}

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

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: hls_bench FRAMES INPUT EXPECTED\n");
        return 2;
    }
    const unsigned long long frames = std::strtoull(argv[1], nullptr, 10);
    const bytes_t input = read_file(argv[2], frames * FSQ_BENCH_IN_WORDS * in_port::SIZE);
    const bytes_t expected = read_file(argv[3], frames * out_words * out_port::SIZE);
    const unsigned char* next_in = input.data();
    const unsigned char* next_out = expected.data();
    bool equal = frames > 0;

    static hls::stream<in_port::type> in;
    static hls::stream<out_port::type> out;
    for (unsigned long long frame = 0; frame < frames; ++frame) {
        for (int i = 0; i < FSQ_BENCH_IN_WORDS; ++i, next_in += in_port::SIZE) {
            in.write(in_port::make(next_in, i == FSQ_BENCH_IN_WORDS - 1));
        }
        FSQ_BENCH_TOP(in, out);

        unsigned long long words = 0;
        unsigned long long mismatches = 0;
        unsigned long long left = 0;
        for (unsigned long long n = 0; n < out_words; ++n, next_out += out_port::SIZE) {
            if (out.empty()) {
                mismatches += differences(frame, n, next_out, nullptr);
                continue;
            }
            const out_port::type word = out.read();
            const bytes_t got = out_port::bytes(word);
            ++words;
            mismatches += differences(frame, n, next_out, got.data());
            if (!out_port::ends(word, n == out_words - 1)) {
                ++mismatches;
                std::fprintf(stderr, "error: frame %llu: TLAST is wrong at word %llu\n", frame, n);
            }
        }
        while (!out.empty()) {  // more words than a frame has
            out.read();
            mismatches += FSQ_BENCH_WIDTH;
        }
        while (!in.empty()) {
            in.read();
            ++left;
        }
        std::printf("FSQ kernel=%s frame=%llu words=%llu values=%llu mismatches=%llu left=%llu\n", FSQ_BENCH_KERNEL, frame,
                    words, out_words * FSQ_BENCH_WIDTH, mismatches, left);
        std::fflush(stdout);
        equal = equal && mismatches == 0 && left == 0;
    }
    return equal ? 0 : 1;
}
