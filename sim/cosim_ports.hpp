// What the drivers of both kinds of ports share: stalls, and the bytes of ports.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "verilated.h"

struct Job {
    std::vector<std::uint64_t> beats;  // pixels, 8 bytes each, frame after frame
    std::uint64_t frames, frame_beats, frame_words;  // beats and logits of a frame
    std::uint64_t seed;                              // of stalls; 0: none
};

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
// A port's value from memory.
template <typename T>
void set(T& port, const std::uint8_t* from, std::size_t bytes) {
    std::uint64_t v = 0;
    std::memcpy(&v, from, bytes);
    port = static_cast<T>(v);
}
template <std::size_t N>
void set(VlWide<N>& port, const std::uint8_t* from, std::size_t bytes) {
    std::memcpy(port.data(), from, bytes);
}
