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
    struct Segments {
        static constexpr int STAGES = 2, GROUPS = 2, STEPS = 3;
        static constexpr int delay(int segment) { return segment; }
    };
    static constexpr int WORD_BITS = ::WORD_BITS;
    static constexpr int WORDS = 1 << 12;
    static constexpr int EXTRA = ::EXTRA;
    static int first_word(int segment) { return segment == 1 ? now->s_words : 0; }
    static int last_word(int segment) { return (segment == 0 ? 0 : now->e_words) + now->s_words - 1; }
    static int start(int stage) { return stage == 0 ? now->s_start : now->e_start; }
    static fsq::uint<WORD_BITS> word(int address) { return now->words.at(static_cast<std::size_t>(address)); }
    static int length(int stage, int prefix) { return now->lengths[stage][prefix]; }
    static int first(int stage, int prefix) { return now->firsts[stage][prefix]; }
    static bool is_free(int stage) { return now->free[stage] != 0; }
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    std::vector<int32_t> out;
    const std::vector<Case> cases = read_cases(argv[1]);
    for (const Case& c : cases) {
        now = &c;
        fsq::PrefixDecoder<stream> decoder;
        decoder.start();
        for (int visit = 0; visit < 6; ++visit) {
            const int stage = VISITS[visit];
            for (int n = 0; n < c.counts[stage]; ++n) {
                const bool end = n == c.counts[stage] - 1 && stage != 1;
                out.push_back(decoder.take({stage, end, VISITS[(visit + 1) % 6]}));
            }
        }
    }
    write_symbols(argv[2], out);
    return 0;
}
