// Streams and codes for the benches of the decoders, read from a file of 32-bit integers (see decoder_cases.py).
//
// A case is an engine of a Fire module with two row groups: segments S and E, stages S, A, B with a code each, visited in
// the order S, S, A, B, A, B. Symbols come back in that order.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

constexpr int STAGES = 3, PREFIXES = 64, EXTRA = 6, WORD_BITS = 18;
constexpr int VISITS[] = {0, 0, 1, 2, 1, 2};

struct Case {
    int32_t s_words, s_start, e_words, e_start;
    int32_t counts[STAGES];
    int32_t lengths[STAGES][PREFIXES];
    int32_t firsts[STAGES][PREFIXES];
    int32_t free[STAGES];
    std::vector<int32_t> words;  // the segments behind each other
};

inline bool read_ints(std::FILE* file, int32_t* to, std::size_t count) { return std::fread(to, 4, count, file) == count; }

inline std::vector<Case> read_cases(const char* path) {
    std::FILE* file = std::fopen(path, "rb");
    int32_t count = 0;
    if (!file || !read_ints(file, &count, 1)) std::exit(2);
    std::vector<Case> cases(static_cast<std::size_t>(count));
    for (Case& c : cases) {
        bool ok = read_ints(file, &c.s_words, 4) && read_ints(file, c.counts, STAGES) &&
                  read_ints(file, c.lengths[0], STAGES * PREFIXES) && read_ints(file, c.firsts[0], STAGES * PREFIXES) &&
                  read_ints(file, c.free, STAGES);
        if (!ok) std::exit(2);
        c.words.resize(static_cast<std::size_t>(c.s_words + c.e_words));
        if (!read_ints(file, c.words.data(), c.words.size())) std::exit(2);
    }
    std::fclose(file);
    return cases;
}

inline void write_symbols(const char* path, const std::vector<int32_t>& symbols) {
    std::FILE* file = std::fopen(path, "wb");
    if (!file || std::fwrite(symbols.data(), 4, symbols.size(), file) != symbols.size()) std::exit(2);
    std::fclose(file);
}
