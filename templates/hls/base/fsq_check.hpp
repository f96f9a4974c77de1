// FSQ_EXPECT(condition, T, what) ends a C simulation in which the parameters of T do not hold together; T gives its name
// with FSQ_NAME("name"). For synthesis both are nothing.
#ifndef FSQ_CHECK_HPP
#define FSQ_CHECK_HPP

#ifdef FSQ_CSIM
// Of the test bench.
void fsq_broken(const char* name, const char* what);

#define FSQ_NAME(text) \
    static const char* name() { return text; }
#define FSQ_EXPECT(condition, T, what)                  \
    do {                                                \
        if (!(condition)) fsq_broken(T::name(), what);  \
    } while (0)
#else
#define FSQ_NAME(text)
#define FSQ_EXPECT(condition, T, what) static_cast<void>(sizeof(condition))
#endif

#endif
