// What drivers are tested on: fsq_system with a memory, and fsq_top behind a model of an AXI DMA, as functions of C.
//
// Time passes only within these functions: POLL cycles behind each register that is read, with each question after the DMA.
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "Vfsq_system.h"
#include "Vfsq_top.h"
#include "cosim_ports.hpp"

namespace {

constexpr std::uint64_t BASE = FSQ_BASE;  // of the memory; beyond 32 bits where addresses have more
constexpr std::size_t SIZE = 1 << 16;
constexpr std::size_t BUS = FSQ_BUS_BYTES;
constexpr int LATENCY = 20, POLL = 40;
enum Fault { NONE, READ, WRITE, SILENT };

std::vector<std::uint8_t> own(SIZE);
std::uint8_t* memory = own.data();
int fault = NONE;

// Where a byte lies; none: the memory answers with DECERR.
std::uint8_t* place(std::uint64_t at) { return at >= BASE && at < BASE + SIZE ? &memory[at - BASE] : nullptr; }

struct System {
    VerilatedContext context;
    Vfsq_system top{&context};
    struct Beat {
        std::uint8_t data[BUS];
        bool last, good;
        std::uint64_t due;
    };
    std::deque<Beat> reads, words;
    struct Burst {
        std::uint64_t at;
        unsigned beats;
        bool good;
    };
    std::deque<Burst> writes;
    std::deque<std::pair<std::uint64_t, bool>> answers;
    std::uint64_t now = 0;

    System() {
        top.rst_n = 0;
        for (int i = 0; i < 16; ++i) cycle();
        top.rst_n = 1;
        for (int i = 0; i < 64; ++i) cycle();
    }

    void cycle() {
        const bool speaks = fault != SILENT;
        top.m_axi_arready = top.m_axi_awready = top.m_axi_wready = speaks;
        top.m_axi_rvalid = speaks && !reads.empty() && reads.front().due <= now;
        if (top.m_axi_rvalid) {
            set(top.m_axi_rdata, reads.front().data, BUS);
            top.m_axi_rlast = reads.front().last;
            top.m_axi_rresp = reads.front().good ? 0 : 2;
        }
        top.m_axi_bvalid = speaks && !answers.empty() && answers.front().first <= now;
        if (top.m_axi_bvalid) top.m_axi_bresp = answers.front().second ? 0 : 2;
        top.clk = 0;
        top.eval();
        if (top.m_axi_arvalid && top.m_axi_arready)
            for (unsigned i = 0; i <= top.m_axi_arlen; ++i) {
                Beat beat{{}, i == top.m_axi_arlen, fault != READ, now + LATENCY + i};
                for (std::size_t b = 0; b < BUS; ++b) {
                    const std::uint8_t* from = place(top.m_axi_araddr + i * BUS + b);
                    if (from) beat.data[b] = *from;
                    else beat.good = false;
                }
                reads.push_back(beat);
            }
        if (top.m_axi_rvalid && top.m_axi_rready) reads.pop_front();
        if (top.m_axi_awvalid && top.m_axi_awready)
            writes.push_back({top.m_axi_awaddr, top.m_axi_awlen + 1u, fault != WRITE});
        if (top.m_axi_wvalid && top.m_axi_wready) {
            Beat beat{{}, false, true, top.m_axi_wstrb};
            copy(beat.data, top.m_axi_wdata, BUS);
            words.push_back(beat);
        }
        while (!writes.empty() && !words.empty()) {
            Burst& burst = writes.front();
            for (std::size_t b = 0; b < BUS; ++b)
                if (words.front().due >> b & 1) {
                    std::uint8_t* to = place(burst.at + b);
                    if (to && burst.good) *to = words.front().data[b];
                    else burst.good = false;
                }
            burst.at += BUS;
            words.pop_front();
            if (--burst.beats == 0) {
                answers.push_back({now + LATENCY, burst.good});
                writes.pop_front();
            }
        }
        if (top.m_axi_bvalid && top.m_axi_bready) answers.pop_front();
        top.clk = 1;
        top.eval();
        ++now;
    }

    // Cycles until `done`; every channel of the registers is answered at once.
    template <typename F>
    void until(F done) {
        for (bool over = false; !over;) {
            top.clk = 0;
            top.eval();
            over = done();
            cycle();
        }
    }
};

// Beats in and out of the kernels, as an AXI DMA without scatter-gather moves them: TLAST stands behind a transfer, and
// ends one.
struct Streams {
    VerilatedContext context;
    Vfsq_top top{&context};
    std::uint64_t from = 0, to = 0;
    std::uint32_t send = 0, sent = 0, room = 0, received = 0;
    bool sending = false, receiving = false, receive_error = false;

    Streams() {
        top.rst_n = 0;
        for (int i = 0; i < 16; ++i) cycle();
        top.rst_n = 1;
        for (int i = 0; i < 64; ++i) cycle();
    }

    void cycle() {
        top.s_axis_tvalid = sending && fault != SILENT;
        if (sending) {
            std::uint64_t beat = 0;
            std::memcpy(&beat, place(from + sent), 8);
            top.s_axis_tdata = beat;
            top.s_axis_tlast = sent + 8 >= send;
        }
        top.m_axis_tready = receiving;
        top.clk = 0;
        top.eval();
        if (top.s_axis_tvalid && top.s_axis_tready) sending = (sent += 8) < send;
        if (top.m_axis_tvalid && top.m_axis_tready) {
            const std::uint32_t word = top.m_axis_tdata;
            if (received + 4 > room) receive_error = true, receiving = false;
            else std::memcpy(place(to + received), &word, 4), received += 4;
            if (top.m_axis_tlast) receiving = false;
        }
        top.clk = 1;
        top.eval();
    }
};

std::unique_ptr<System> shell;
std::unique_ptr<Streams> streams;

System& of_shell() {
    if (!shell) shell = std::make_unique<System>();
    return *shell;
}
Streams& of_streams() {
    if (!streams) streams = std::make_unique<Streams>();
    return *streams;
}

}  // namespace

extern "C" {

// As after the bitstream has been loaded. The memory stays.
void sim_load() {
    fault = NONE;
    shell.reset();
    streams.reset();
}

std::uint64_t sim_base() { return BASE; }
std::uint32_t sim_size() { return SIZE; }
std::uint8_t* sim_memory() { return memory; }
// Takes this memory of sim_size() bytes instead.
void sim_map(std::uint8_t* other) { memory = other; }
// 1: reads of memory are answered with SLVERR, 2: writes are, 3: nothing is answered; what was accepted is done.
void sim_fault(int kind) { fault = kind; }

std::uint32_t sim_read(std::uint32_t offset) {
    System& s = of_shell();
    std::uint32_t value = 0;
    s.top.s_axi_araddr = static_cast<std::uint8_t>(offset);
    s.top.s_axi_arvalid = s.top.s_axi_rready = 1;
    s.until([&] { return s.top.s_axi_arready; });
    s.top.s_axi_arvalid = 0;
    s.until([&] { return value = s.top.s_axi_rdata, s.top.s_axi_rvalid; });
    s.top.s_axi_rready = 0;
    for (int i = 0; i < POLL; ++i) s.cycle();
    return value;
}

void sim_write(std::uint32_t offset, std::uint32_t value) {
    System& s = of_shell();
    s.top.s_axi_awaddr = static_cast<std::uint8_t>(offset);
    s.top.s_axi_wdata = value;
    s.top.s_axi_wstrb = 15;
    s.top.s_axi_awvalid = s.top.s_axi_wvalid = s.top.s_axi_bready = 1;
    bool address = false, word = false;
    while (!address || !word) {
        s.top.s_axi_awvalid = !address;
        s.top.s_axi_wvalid = !word;
        s.top.clk = 0;
        s.top.eval();
        address = address || s.top.s_axi_awready;
        word = word || s.top.s_axi_wready;
        s.cycle();
    }
    s.top.s_axi_awvalid = s.top.s_axi_wvalid = 0;
    s.until([&] { return s.top.s_axi_bvalid; });
    s.top.s_axi_bready = 0;
}

// Cycles until the interrupt, at most so many; whether it came.
int sim_interrupt(std::uint32_t cycles) {
    System& s = of_shell();
    while (cycles-- > 0 && !s.top.irq) s.cycle();
    return s.top.irq;
}

void sim_send(std::uint64_t address, std::uint32_t bytes) {
    Streams& s = of_streams();
    s.from = address, s.send = bytes, s.sent = 0, s.sending = true;
}

void sim_receive(std::uint64_t address, std::uint32_t bytes) {
    Streams& s = of_streams();
    s.to = address, s.room = bytes, s.received = 0, s.receiving = true;
}

// 1: this direction is idle, 2: it stopped with an error; a few cycles later.
int sim_channel(int receive) {
    Streams& s = of_streams();
    for (int i = 0; i < POLL; ++i) s.cycle();
    return receive ? !s.receiving + 2 * s.receive_error : !s.sending;
}

std::uint32_t sim_received() { return of_streams().received; }
std::uint32_t sim_frame_error() { return of_streams().top.frame_error; }
}
