// Every kernel of fsq_top in a thread of its own: FSQ_START(call) starts one, FSQ_JOIN waits for all.
#ifndef FSQ_THREADS_HPP
#define FSQ_THREADS_HPP

#include <thread>
#include <vector>

static std::vector<std::thread> fsq_threads;

#define FSQ_START(...) fsq_threads.emplace_back([&] { __VA_ARGS__; });
#define FSQ_JOIN                                          \
    for (std::thread& thread : fsq_threads) thread.join(); \
    fsq_threads.clear();

#endif
