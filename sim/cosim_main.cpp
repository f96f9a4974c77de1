// Cosimulation driver: sends frames into the accelerator, by its own ports or through its shell, takes the logits out, and
// records every word that crosses a stream between kernels, and the weights that reach the lanes.
//
// Usage: cosim IMAGES FRAMES BEATS_PER_FRAME WORDS_PER_FRAME STALL_SEED QUIET_CYCLES OUT_DIR [LOGITS]
//   IMAGES           file of 64-bit beats, frame after frame
//   WORDS_PER_FRAME  logits of a frame
//   STALL_SEED       0: the source always offers and the sink always takes; else both stall at random
//   QUIET_CYCLES     give up after this many cycles in which no word moved (a deadlock)
//   LOGITS           file of int32 that the logits must be equal to, for who has no other comparison
// Writes one file of little-endian words per stream, logits.bin (int32), the terms of one row group per engine, and
// report.txt. Exit code 0, or 3 on a deadlock, a protocol error or wrong logits, which report.txt then names.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "Vfsq_cosim_top.h"
#include "fsq_taps.h"
#ifdef FSQ_SHELL
#include "cosim_shell.hpp"
#else
#include "cosim_streams.hpp"
#endif
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

// What is wrong with the logits, beside those in a file; nothing where they are equal.
std::string different(const std::vector<std::int32_t>& logits, const char* path) {
    std::vector<std::int32_t> wanted(logits.size() + 1);
    std::FILE* file = std::fopen(path, "rb");
    const std::size_t read = file ? std::fread(wanted.data(), 4, wanted.size(), file) : 0;
    if (file) std::fclose(file);
    if (read != logits.size()) return std::string(path) + " has not as many logits";
    for (std::size_t i = 0; i < logits.size(); ++i)
        if (logits[i] != wanted[i])
            return "logit " + std::to_string(i) + " is " + std::to_string(logits[i]) + ", not " + std::to_string(wanted[i]);
    return "";
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 8 && argc != 9) {
        std::fprintf(stderr, "usage: cosim IMAGES FRAMES BEATS WORDS STALL_SEED QUIET_CYCLES OUT_DIR [LOGITS]\n");
        return 2;
    }
    const auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
    Job job{{}, number(2), number(3), number(4), number(5)};
    const std::uint64_t frames = job.frames;
    const std::uint64_t quiet_limit = std::strtoull(argv[6], nullptr, 10);
    const std::string out = argv[7];

    std::vector<std::uint64_t>& beats = job.beats;
    beats.resize(frames * job.frame_beats);
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
    Ports ports{top, job};
    ports.idle();
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

    std::uint64_t cycle = 0, quiet = 0;
    std::string& error = ports.error;
    // Rows that no window reads may still be on their way when the last logit leaves: wait for every word.
    std::uint64_t missing = 0;
#define FSQ_MISSING(name, bits, words) missing += missing_##name;
    FSQ_TAPS(FSQ_MISSING)
#undef FSQ_MISSING
    while (missing > 0 || !ports.done()) {
        ports.drive();
        top.clk = 0;
        top.eval();
        bool moved = ports.watch(cycle, report);
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
    ports.end(report);
    if (argc == 9 && error.empty()) error = different(ports.logits, argv[8]);
    if (argc == 9) std::printf("%zu logits of %llu frames: %s\n", ports.logits.size(), static_cast<unsigned long long>(frames),
                               error.empty() ? "equal to golden" : error.c_str());
    std::fwrite(ports.logits.data(), 4, ports.logits.size(), logits);
    std::fprintf(report, "first_beat %llu\ncycles %llu\nbeats %llu\nlogits %llu\n",
                 static_cast<unsigned long long>(ports.first), static_cast<unsigned long long>(cycle),
                 static_cast<unsigned long long>(ports.sent), static_cast<unsigned long long>(ports.logits.size()));
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
