// C simulation driver: runs frames through fsq_top and records every word that passes a stream between kernels.
//
// Usage: csim IMAGES FRAMES OUT_DIR [EXPECTED_DIR]
//   IMAGES        file of 64-bit beats, frame after frame
//   EXPECTED_DIR  files as this program writes them; it then compares its own with them. Streams are seen where the C++
//                 runs; in a C/RTL cosimulation only the logits are there to compare.
// Writes one file of little-endian words per stream, one per feed of terms, and logits.bin (int32) into OUT_DIR. Exit code
// 0; 1 where a file differs from the expected one; 2 on a file that cannot be read or written; 3 where a frame does not
// end as it should.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "fsq_streams.hpp"
#include "fsq_top.hpp"

namespace {

struct Stream {
    const char* name;
    int bits;
    unsigned long long words;
};

#define FSQ_ROW(name, bits, words) {name, bits, words},
const Stream streams[] = {FSQ_STREAMS(FSQ_ROW)};
#undef FSQ_ROW
const int stream_count = sizeof(streams) / sizeof(streams[0]);
#define FSQ_ROW(name, bits, words) {name, bits, words},
const std::vector<Stream> feeds = {FSQ_FEEDS(FSQ_ROW)};
#undef FSQ_ROW

std::vector<std::FILE*> files;
std::vector<std::FILE*> term_files;
unsigned long long frame = 0;
bool tapped = false;
std::string error;

void fail(const std::string& text) {
    std::fprintf(stderr, "%s\n", text.c_str());
    std::exit(2);
}

std::FILE* open_file(const std::string& path, const char* mode) {
    std::FILE* file = std::fopen(path.c_str(), mode);
    if (!file) fail("cannot open " + path);
    return file;
}

std::vector<unsigned char> read_file(const std::string& path) {
    std::FILE* file = open_file(path, "rb");
    std::vector<unsigned char> bytes;
    unsigned char part[1 << 16];
    for (std::size_t n; (n = std::fread(part, 1, sizeof(part), file)) > 0;) bytes.insert(bytes.end(), part, part + n);
    std::fclose(file);
    return bytes;
}

// Writes a word in whole bytes.
void write_word(std::FILE* file, int bits, const unsigned long long* limbs, const char* name) {
    std::vector<unsigned char> bytes(static_cast<std::size_t>((bits + 7) / 8));
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(limbs[i / 8] >> (8 * (i % 8)));
    if (std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size()) {
        fail(std::string("cannot write the words of ") + name);
    }
}

// True where OUT_DIR/name.bin and EXPECTED_DIR/name.bin hold the same bytes.
bool equal(const std::string& name, const std::string& out, const std::string& expected) {
    const bool same = read_file(out + "/" + name + ".bin") == read_file(expected + "/" + name + ".bin");
    std::printf("%-24s %s\n", name.c_str(), same ? "equal" : "DIFFERS");
    return same;
}

}  // namespace

// A row word goes to the file of its stream.
void fsq_tap_word(int index, int bits, const unsigned long long* limbs) {
    write_word(files[static_cast<std::size_t>(index)], bits, limbs, streams[index].name);
}

// The terms of all frames come from the same memories: those of the first one are kept.
void fsq_tap_term(int index, int bits, const unsigned long long* limbs) {
    const std::size_t feed = static_cast<std::size_t>(index);
    if (frame == 0) write_word(term_files[feed], bits, limbs, feeds[feed].name);
}

void fsq_tap_count(int index, unsigned long long words) {
    tapped = true;
    if (words != streams[index].words && error.empty()) {
        error = std::string("stream ") + streams[index].name + " carries " + std::to_string(words) + " words, not " +
                std::to_string(streams[index].words);
    }
}

void fsq_broken(const char* name, const char* what) {
    std::fprintf(stderr, "%s: %s\n", name, what);
    std::exit(3);
}

int main(int argc, char** argv) {
    if (argc != 4 && argc != 5) {
        std::fprintf(stderr, "usage: csim IMAGES FRAMES OUT_DIR [EXPECTED_DIR]\n");
        return 2;
    }
    const unsigned long long frames = std::strtoull(argv[2], nullptr, 10);
    const std::string out = argv[3];
    const std::vector<unsigned char> beats = read_file(argv[1]);
    if (beats.size() != frames * FSQ_FRAME_BEATS * 8) {
        fail(std::string(argv[1]) + " holds " + std::to_string(beats.size()) + " bytes, not those of " +
             std::to_string(frames) + " frames");
    }
    for (const Stream& stream : streams) files.push_back(open_file(out + "/" + stream.name + ".bin", "wb"));
    for (const Stream& feed : feeds) term_files.push_back(open_file(out + "/" + feed.name + "_terms.bin", "wb"));
    std::FILE* logits = open_file(out + "/logits.bin", "wb");

    hls::stream<fsq_beat_in> s_axis;
    hls::stream<fsq_beat_out> m_axis;
    std::size_t next = 0;
    for (; frame < frames && error.empty(); ++frame) {
        for (int i = 0; i < FSQ_FRAME_BEATS; ++i) {
            std::uint64_t data = 0;
            for (int b = 0; b < 8; ++b) data |= static_cast<std::uint64_t>(beats[next++]) << (8 * b);
            fsq_beat_in beat;
            FSQ_BEAT_SET(beat, ap_uint<64>(static_cast<unsigned long long>(data)), i == FSQ_FRAME_BEATS - 1);
            s_axis.write(beat);
        }
        fsq_top(s_axis, m_axis);
        if (!s_axis.empty() && error.empty()) error = "beats of the frame were left over";
        for (int i = 0; i < FSQ_CLASSES && error.empty(); ++i) {
            if (m_axis.empty()) {
                error = "logits are missing";
                break;
            }
            const fsq_beat_out beat = m_axis.read();
            const bool last = i == FSQ_CLASSES - 1;
            if (!FSQ_BEAT_LAST(beat, last)) error = "TLAST stands on the wrong logit";
            const ap_int<32> value = FSQ_BEAT_DATA(beat);
            const std::int32_t logit = value.to_int();
            std::fwrite(&logit, 4, 1, logits);
        }
        if (!m_axis.empty() && error.empty()) error = "more logits than classes";
        if (!error.empty()) error = "frame " + std::to_string(frame) + ": " + error;
    }
    for (std::FILE* file : files) std::fclose(file);
    for (std::FILE* file : term_files) std::fclose(file);
    std::fclose(logits);
    if (!error.empty()) {
        std::fprintf(stderr, "%s\n", error.c_str());
        return 3;
    }
    if (argc == 5) {
        bool same = true;
        for (int i = 0; tapped && i < stream_count; ++i) same = equal(streams[i].name, out, argv[4]) && same;
        same = equal("logits", out, argv[4]) && same;
        std::printf("%s\n", same ? "PASS" : "FAIL");
        return same ? 0 : 1;
    }
    return 0;
}
