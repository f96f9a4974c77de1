// hls::stream as a FIFO of bounded depth between threads: reads wait for words, writes for room. What then stops, stops at
// any speed of the threads, and in hardware.
#ifndef FSQ_BOUNDED_HLS_STREAM_H
#define FSQ_BOUNDED_HLS_STREAM_H

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>

namespace hls {

// Words moved by all streams; exit code 5 where none moves for as long as nothing computes.
inline std::atomic<unsigned long long>& moves() {
    static std::atomic<unsigned long long> count{0};
    return count;
}

template <class CONDITION>
void wait_for(std::condition_variable& moved, std::unique_lock<std::mutex>& lock, CONDITION condition) {
    unsigned long long before = moves();
    while (!moved.wait_for(lock, std::chrono::seconds(8), condition)) {
        if (moves() == before) {
            std::fprintf(stderr, "error: every kernel waits for another one\n");
            std::_Exit(5);
        }
        before = moves();
    }
    ++moves();
}

template <class T> class stream {
  public:
    stream() = default;
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    void set_depth(std::size_t depth) { depth_ = depth; }
    bool empty() { return size() == 0; }
    std::size_t size() {
        std::lock_guard<std::mutex> lock(mutex_);
        return words_.size();
    }
    void write(const T& word) {
        std::unique_lock<std::mutex> lock(mutex_);
        wait_for(moved_, lock, [this] { return words_.size() < depth_; });
        words_.push_back(word);
        moved_.notify_all();
    }
    T read() {
        std::unique_lock<std::mutex> lock(mutex_);
        wait_for(moved_, lock, [this] { return !words_.empty(); });
        const T word = words_.front();
        words_.pop_front();
        moved_.notify_all();
        return word;
    }

  private:
    std::mutex mutex_;
    std::condition_variable moved_;
    std::deque<T> words_;
    std::size_t depth_ = static_cast<std::size_t>(-1);
};

}  // namespace hls

#endif
