// Cosimulation driver: sends frames into the accelerator, takes the logits out, and records every word that crosses a
// stream between kernels, and the weights that reach the lanes.
//
// Usage: cosim IMAGES FRAMES BEATS_PER_FRAME WORDS_PER_FRAME STALL_SEED QUIET_CYCLES OUT_DIR
//   IMAGES           file of 64-bit beats, frame after frame
//   WORDS_PER_FRAME  logits of a frame
//   STALL_SEED       0: the source always offers and the sink always takes; else both stall at random
//   QUIET_CYCLES     give up after this many cycles in which no word moved (a deadlock)
// Writes one file of little-endian words per stream, logits.bin (int32), the terms of one row group per engine, and
// report.txt. Exit code 0, or 3 on a deadlock or a protocol error, which report.txt then names.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "Vfsq_cosim_top.h"
#include "fsq_taps.h"
#include "verilated.h"

namespace {

// Bytes of a port's value, least significant first.
template <typename T>
void put(std::FILE* file, const T& value, int bits) {
    std::uint64_t v = static_cast<std::uint64_t>(value);
    std::fwrite(&v, 1, static_cast<std::size_t>((bits + 7) / 8), file);
}
template <std::size_t N>
void put(std::FILE* file, const VlWide<N>& value, int bits) {
    std::fwrite(value.data(), 1, static_cast<std::size_t>((bits + 7) / 8), file);
}

struct Random {
    std::uint64_t state;
    std::uint32_t next() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return static_cast<std::uint32_t>(state >> 32);
    }
};

// Stalls come in bursts: long runs of "go" and of "wait", so that every FIFO runs full and empty.
struct Staller {
    Random random;
    bool enabled;
    bool go = true;
    std::uint32_t left = 0;
    bool step() {
        if (!enabled) return true;
        if (left == 0) {
            go = !go;
            const std::uint32_t r = random.next();
            const std::uint32_t span = (r & 7u) == 0 ? 200u : 8u;
            left = 1 + (r >> 3) % span;
        }
        --left;
        return go;
    }
};

// Bytes of a port's value, least significant first, into memory.
template <typename T>
void copy(std::uint8_t* to, const T& value, std::size_t bytes) {
    std::uint64_t v = static_cast<std::uint64_t>(value);
    std::memcpy(to, &v, bytes);
}
template <std::size_t N>
void copy(std::uint8_t* to, const VlWide<N>& value, std::size_t bytes) {
    std::memcpy(to, value.data(), bytes);
}

// The terms that reach the lanes of an engine. Each stage repeats its terms in every row group: those of the first
// one are kept for the comparison with golden, all others must be equal to them.
struct Terms {
    std::size_t bytes;
    std::string order;  // stages of a frame, a digit for each row group that one runs
    std::vector<std::uint64_t> sizes;  // terms of each stage in a row group
    std::vector<std::vector<std::uint8_t>> kept;
    std::vector<std::uint64_t> done;  // row groups a stage has finished, of all frames
    std::uint64_t place = 0;          // of the next term in its stage
    std::size_t at = 0;               // in the order of work
    std::uint64_t seen = 0, different = 0;
    std::string first_different;

    Terms(int bits, const char* stages, std::vector<std::uint64_t> stage_sizes)
        : bytes(static_cast<std::size_t>((bits + 7) / 8)), order(stages), sizes(std::move(stage_sizes)),
          kept(sizes.size()), done(sizes.size()) {}

    template <typename T>
    void take(const T& value) {
        std::uint8_t word[512];
        copy(word, value, bytes);
        ++seen;
        const std::size_t stage = static_cast<std::size_t>(order[at] - '0');
        std::vector<std::uint8_t>& held = kept[stage];
        if (done[stage] == 0) {
            held.insert(held.end(), word, word + bytes);
        } else if (std::memcmp(&held[place * bytes], word, bytes) != 0) {
            if (different++ == 0) {
                first_different = std::to_string(stage) + " " + std::to_string(place) + " " +
                                  std::to_string(done[stage]) + " ";
                char hex[3];
                for (std::size_t i = bytes; i-- > 0;) {
                    std::snprintf(hex, sizeof hex, "%02x", static_cast<unsigned>(word[i]));
                    first_different += hex;
                }
            }
        }
        if (++place == sizes[stage]) {
            place = 0;
            ++done[stage];
            at = (at + 1) % order.size();
        }
    }
};

std::FILE* open_out(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (!file) {
        std::fprintf(stderr, "cannot write %s\n", path.c_str());
        std::exit(2);
    }
    std::setvbuf(file, nullptr, _IOFBF, 1 << 16);
    return file;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 8) {
        std::fprintf(stderr, "usage: cosim IMAGES FRAMES BEATS WORDS STALL_SEED QUIET_CYCLES OUT_DIR\n");
        return 2;
    }
    const std::uint64_t frames = std::strtoull(argv[2], nullptr, 10);
    const std::uint64_t frame_beats = std::strtoull(argv[3], nullptr, 10);
    const std::uint64_t frame_words = std::strtoull(argv[4], nullptr, 10);
    const std::uint64_t seed = std::strtoull(argv[5], nullptr, 10);
    const std::uint64_t quiet_limit = std::strtoull(argv[6], nullptr, 10);
    const std::string out = argv[7];

    std::vector<std::uint64_t> beats(frames * frame_beats);
    std::FILE* images = std::fopen(argv[1], "rb");
    if (!images || std::fread(beats.data(), 8, beats.size(), images) != beats.size()) {
        std::fprintf(stderr, "cannot read %llu beats from %s\n", static_cast<unsigned long long>(beats.size()), argv[1]);
        return 2;
    }
    std::fclose(images);

    VerilatedContext context;
    Vfsq_cosim_top top{&context};
#define FSQ_OPEN(name, bits, words)                             \
    std::FILE* file_##name = open_out(out + "/" #name ".bin"); \
    std::uint64_t missing_##name = frames * (words);
    FSQ_TAPS(FSQ_OPEN)
#undef FSQ_OPEN
#define FSQ_TERMS_OF(name, bits, order, ...) Terms terms_##name(bits, order, {__VA_ARGS__});
    FSQ_TERMS(FSQ_TERMS_OF)
#undef FSQ_TERMS_OF
    std::FILE* logits = open_out(out + "/logits.bin");
    std::FILE* report = open_out(out + "/report.txt");

    top.clk = 0;
    top.rst_n = 0;
    top.s_axis_tvalid = 0;
    top.m_axis_tready = 0;
    for (int i = 0; i < 16; ++i) {
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
    }
    top.rst_n = 1;
    // the weight streams fill while no pixel is offered
    for (int i = 0; i < 64; ++i) {
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
    }

    Staller source{{seed * 0x9E3779B97F4A7C15ull + 1}, seed != 0};
    Staller sink{{seed * 0xD1B54A32D192ED03ull + 7}, seed != 0};
    std::uint64_t sent = 0, taken = 0, cycle = 0, first = 0, quiet = 0;
    std::string error;
    bool offered = false;
    // Rows that no window reads may still be on their way when the last logit leaves: wait for every word.
    std::uint64_t missing = frames * frame_words;
#define FSQ_MISSING(name, bits, words) missing += missing_##name;
    FSQ_TAPS(FSQ_MISSING)
#undef FSQ_MISSING
    while (missing > 0) {
        // AXI4-Stream: an offered beat stays until it is taken
        if (!offered) offered = source.step() && sent < beats.size();
        else source.step();
        top.s_axis_tvalid = offered;
        top.s_axis_tdata = offered ? beats[sent] : 0xDEADBEEFDEADBEEFull;
        top.s_axis_tlast = offered && (sent + 1) % frame_beats == 0;
        top.m_axis_tready = sink.step();
        top.clk = 0;
        top.eval();
        bool moved = false;
        if (top.s_axis_tvalid && top.s_axis_tready) {
            if (sent == 0) first = cycle;
            ++sent;
            offered = false;
            moved = true;
        }
#define FSQ_RECORD(name, bits, words)                       \
    if (top.tap_##name##_fire) {                     \
        put(file_##name, top.tap_##name##_data, bits); \
        moved = true;                                \
        if (missing_##name > 0) {                    \
            --missing_##name;                        \
            --missing;                               \
        }                                            \
    }
        FSQ_TAPS(FSQ_RECORD)
#undef FSQ_RECORD
#define FSQ_TAKE(name, bits, order, ...) \
    if (top.tap_##name##_term_fire) terms_##name.take(top.tap_##name##_term_data);
        FSQ_TERMS(FSQ_TAKE)
#undef FSQ_TAKE
        if (top.m_axis_tvalid && top.m_axis_tready && taken < frames * frame_words) {
            const std::int32_t value = static_cast<std::int32_t>(top.m_axis_tdata);
            std::fwrite(&value, 4, 1, logits);
            ++taken;
            --missing;
            const bool last = taken % frame_words == 0;
            if (static_cast<bool>(top.m_axis_tlast) != last) error = "TLAST stands on the wrong logit";
            if (last) std::fprintf(report, "frame_end %llu\n", static_cast<unsigned long long>(cycle));
        }
        top.clk = 1;
        top.eval();
        ++cycle;
        quiet = moved ? 0 : quiet + 1;
        if (quiet > quiet_limit) {
            error = "deadlock: no word moved for " + std::to_string(quiet) + " cycles";
            break;
        }
        if (context.gotFinish()) {
            error = "the RTL stopped";
            break;
        }
    }
    if (top.frame_error) error = "the accelerator saw TLAST on the wrong beat";
    std::fprintf(report, "first_beat %llu\ncycles %llu\nbeats %llu\nlogits %llu\n",
                 static_cast<unsigned long long>(first), static_cast<unsigned long long>(cycle),
                 static_cast<unsigned long long>(sent), static_cast<unsigned long long>(taken));
#define FSQ_TELL(name, bits, order, ...)                                                                   \
    {                                                                                                       \
        std::FILE* file = open_out(out + "/" #name "_terms.bin");                                           \
        for (const std::vector<std::uint8_t>& kept : terms_##name.kept) std::fwrite(kept.data(), 1, kept.size(), file); \
        std::fclose(file);                                                                                  \
        std::fprintf(report, "terms " #name " %llu %llu %s\n", static_cast<unsigned long long>(terms_##name.seen), \
                     static_cast<unsigned long long>(terms_##name.different), terms_##name.first_different.c_str()); \
    }
    FSQ_TERMS(FSQ_TELL)
#undef FSQ_TELL
    if (!error.empty()) std::fprintf(report, "error %s\n", error.c_str());
#define FSQ_CLOSE(name, bits, words) std::fclose(file_##name);
    FSQ_TAPS(FSQ_CLOSE)
#undef FSQ_CLOSE
    std::fclose(logits);
    std::fclose(report);
    top.final();
    return error.empty() ? 0 : 3;
}
