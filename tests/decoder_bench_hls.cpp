// Decodes the cases of a file with fsq::PrefixDecoder, whose tables are data here. Usage: bench CASES SYMBOLS
#include "fsq_prefix_decoder.hpp"

#include "decoder_cases.hpp"

void fsq_broken(const char* name, const char* what) {
    std::fprintf(stderr, "%s: %s\n", name, what);
    std::exit(3);
}

namespace {

const Case* now = nullptr;

struct stream {
    FSQ_NAME("stream")
    static constexpr bool FIRE = true;
    static constexpr int GROUPS = 2;
    static constexpr int WORD_BITS = ::WORD_BITS;
    static constexpr int WORDS = 1 << 12;
    static constexpr int LIMIT = ::LIMIT;
    static constexpr int INDEX_BITS = ::INDEX_BITS;
    static int S_WORDS, S_START, E_WORDS, E_START;
    static fsq::uint<WORD_BITS> word(int address) { return now->words.at(static_cast<std::size_t>(address)); }
    static int bound(int stage, int n) { return now->bounds[stage][n]; }
    static int offset(int stage, int n) { return now->offsets[stage][n]; }
    static bool is_free(int stage) { return now->free[stage] != 0; }
    static int symbol(int stage, int index) { return now->symbols[stage][index]; }
};
int stream::S_WORDS, stream::S_START, stream::E_WORDS, stream::E_START;

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    std::vector<int32_t> out;
    const std::vector<Case> cases = read_cases(argv[1]);
    for (const Case& c : cases) {
        now = &c;
        stream::S_WORDS = c.s_words;
        stream::S_START = c.s_start;
        stream::E_WORDS = c.e_words;
        stream::E_START = c.e_start;
        fsq::PrefixDecoder<stream> decoder;
        decoder.start();
        for (int visit = 0; visit < 6; ++visit) {
            const int stage = VISITS[visit];
            for (int n = 0; n < c.counts[stage]; ++n) {
                const bool end = n == c.counts[stage] - 1 && stage != 1;
                out.push_back(decoder.take({stage, end, visit == 0}));
            }
        }
    }
    write_symbols(argv[2], out);
    return 0;
}
