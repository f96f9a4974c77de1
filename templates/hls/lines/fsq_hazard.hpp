// Proof of the dependence pragmas, for a C simulation with FSQ_CHECK_HAZARDS: every read of a row buffer is held against
// the turn in which its place was written, and must come FSQ_SETTLE turns later or more. Else all of this is nothing.
#ifndef FSQ_HAZARD_HPP
#define FSQ_HAZARD_HPP

#if defined(FSQ_CSIM) && defined(FSQ_CHECK_HAZARDS)
// Of the test bench.
void fsq_broken(const char* name, const char* what);

namespace fsq {

template <class B> struct RowTurns {
    static unsigned long long turn;  // of the engine, from the first frame on
    static unsigned long long written[B::ROWS][B::SLOTS * B::STRIDE][B::CHANNELS];

    static void wrote(int bank, int line, int channel) { written[bank][line][channel] = turn; }
    static void reads(int bank, int line, int channel) {
        if (turn - written[bank][line][channel] < FSQ_SETTLE) {
            fsq_broken("row buffer", "a row is read too soon after it was written");
        }
    }
};
template <class B> unsigned long long RowTurns<B>::turn = FSQ_SETTLE;
template <class B> unsigned long long RowTurns<B>::written[B::ROWS][B::SLOTS * B::STRIDE][B::CHANNELS];

}  // namespace fsq
#define FSQ_TURN(B) ++fsq::RowTurns<B>::turn
#define FSQ_WROTE(B, bank, line, channel) fsq::RowTurns<B>::wrote(bank, line, channel)
#define FSQ_READS(B, bank, line, channel) fsq::RowTurns<B>::reads(bank, line, channel)
#else
#define FSQ_TURN(B) static_cast<void>(0)
#define FSQ_WROTE(B, bank, line, channel) static_cast<void>(0)
#define FSQ_READS(B, bank, line, channel) static_cast<void>(0)
#endif

#endif
