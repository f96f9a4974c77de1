// The accelerator in its shell: a processor that writes its registers and waits for the interrupt, and a memory over AXI4
// that answers after LATENCY cycles, a beat per cycle; with stalls each channel waits at random besides.
#pragma once
#include <deque>

#include "Vfsq_cosim_top.h"
#include "cosim_ports.hpp"
#include "fsq_taps.h"

class Ports {
public:
    Ports(Vfsq_cosim_top& design, const Job& what)
        : top(design), job(what), results(job.frames * FSQ_RESULT_BYTES, FILL) {
        for (std::size_t i = 0; i < CHANNELS; ++i)
            stalls.push_back(Staller{{(job.seed + 1) * 0x9E3779B97F4A7C15ull + i}, job.seed != 0});
        // low halves of addresses that are no multiples of 16
        commands = {{FSQ_R_SOURCE, SOURCE},
                    {FSQ_R_TARGET, TARGET},
                    {FSQ_R_FRAMES, static_cast<std::uint32_t>(job.frames)},
                    {FSQ_R_IRQ_ENABLE, 3},
                    {FSQ_R_CONTROL, 1}};
        questions = {FSQ_R_STATUS, FSQ_R_ERROR, FSQ_R_FRAMES_DONE, FSQ_R_FRAME_CYCLES, FSQ_R_JOB_CYCLES};
    }

    void idle() {
        top.s_axi_awvalid = top.s_axi_wvalid = top.s_axi_arvalid = 0;
        top.m_axi_rvalid = top.m_axi_bvalid = 0;
    }

    void drive() {
        top.s_axi_awvalid = address_waits;
        top.s_axi_wvalid = word_waits;
        top.s_axi_bready = 1;
        if (!commands.empty()) {
            top.s_axi_awaddr = static_cast<std::uint8_t>(commands.front().first);
            top.s_axi_wdata = commands.front().second;
            top.s_axi_wstrb = 15;
        }
        top.s_axi_arvalid = asks;
        if (!questions.empty()) top.s_axi_araddr = static_cast<std::uint8_t>(questions.front());
        top.s_axi_rready = 1;

        top.m_axi_arready = stalls[0].step();
        top.m_axi_awready = stalls[1].step();
        top.m_axi_wready = stalls[2].step();
        const bool beat = stalls[3].step(), answer = stalls[4].step();
        // what is offered stays until it is taken
        read_offered = read_offered || (beat && !reads.empty() && reads.front().due <= now);
        top.m_axi_rvalid = read_offered;
        if (read_offered) {
            set(top.m_axi_rdata, reads.front().data, FSQ_BUS_BYTES);
            top.m_axi_rlast = reads.front().last;
            top.m_axi_rresp = 0;
        }
        answer_offered = answer_offered || (answer && !answers.empty() && answers.front() <= now);
        top.m_axi_bvalid = answer_offered;
        top.m_axi_bresp = 0;
    }

    bool watch(std::uint64_t cycle, std::FILE* report) {
        bool moved = processor();
        moved |= memory();
        if (top.tap_pixels_fire) {
            if (sent++ == 0) first = cycle;
            moved = true;
        }
        if (top.tap_logit_fire && top.tap_logit_last)
            std::fprintf(report, "frame_end %llu\n", static_cast<unsigned long long>(cycle));
        ++now;
        return moved;
    }

    bool done() const { return questions.empty(); }

    void end(std::FILE* report) {
        if (heard.size() == 5) {
            std::fprintf(report, "shell_frame_cycles %u\nshell_job_cycles %u\n", heard[3], heard[4]);
            if (heard[0] != 2 || heard[1] != 0)
                error = "the shell tells status " + std::to_string(heard[0]) + ", error " + std::to_string(heard[1]);
            else if (heard[2] != job.frames) error = "the shell tells " + std::to_string(heard[2]) + " frames";
        }
        for (std::uint64_t i = 0; i < job.frames; ++i) {
            const std::uint8_t* at = &results[i * FSQ_RESULT_BYTES];
            for (std::uint64_t k = 0; k < job.frame_words; ++k) {
                std::int32_t value;
                std::memcpy(&value, at + 4 * k, 4);
                logits.push_back(value);
            }
            for (std::uint64_t k = 4 * job.frame_words; k < FSQ_RESULT_BYTES; ++k)
                if (at[k] != FILL) error = "bytes behind the logits were written";
        }
    }

    std::uint64_t first = 0, sent = 0;
    std::vector<std::int32_t> logits;
    std::string error;

private:
    static constexpr std::size_t CHANNELS = 5;
    static constexpr std::uint64_t SOURCE = 0x10000008, TARGET = 0x20000FF8, LATENCY = 40;
    static constexpr std::uint8_t FILL = 0xA5;
    struct Beat {
        std::uint8_t data[FSQ_BUS_BYTES];
        bool last;
        std::uint64_t due;
    };

    // One command after the other, then the questions behind the interrupt.
    bool processor() {
        bool moved = false;
        if (address_waits && top.s_axi_awready) address_waits = false, moved = true;
        if (word_waits && top.s_axi_wready) word_waits = false, moved = true;
        if (top.s_axi_bvalid) commands.pop_front(), busy = false;
        if (!commands.empty() && !busy) address_waits = word_waits = busy = true;
        if (asks && top.s_axi_arready) asks = false;
        if (top.s_axi_rvalid) heard.push_back(top.s_axi_rdata), questions.pop_front(), asking = false;
        if (top.irq) told = true;
        if (told && !asking && !questions.empty()) asks = asking = true;
        return moved;
    }

    bool memory() {
        bool moved = false;
        if (top.m_axi_arvalid && top.m_axi_arready) {
            std::uint64_t at = top.m_axi_araddr;
            inside(at, top.m_axi_arlen);
            for (unsigned i = 0; i <= top.m_axi_arlen; ++i, at += FSQ_BUS_BYTES) {
                Beat beat{};
                for (unsigned b = 0; b < FSQ_BUS_BYTES; ++b) beat.data[b] = pixel(at + b);
                beat.last = i == top.m_axi_arlen;
                beat.due = now + LATENCY + i;
                reads.push_back(beat);
            }
        }
        if (top.m_axi_rvalid && top.m_axi_rready) reads.pop_front(), read_offered = false, moved = true;
        if (top.m_axi_awvalid && top.m_axi_awready) {
            inside(top.m_axi_awaddr, top.m_axi_awlen);
            writes.push_back({top.m_axi_awaddr, top.m_axi_awlen + 1u});
        }
        if (top.m_axi_wvalid && top.m_axi_wready) {
            Beat beat{};
            copy(beat.data, top.m_axi_wdata, FSQ_BUS_BYTES);
            beat.last = top.m_axi_wlast;
            beat.due = top.m_axi_wstrb;
            words.push_back(beat);
            moved = true;
        }
        while (!writes.empty() && !words.empty()) {
            auto& [at, beats] = writes.front();
            for (unsigned b = 0; b < FSQ_BUS_BYTES; ++b)
                if (words.front().due >> b & 1) write(at + b, words.front().data[b]);
            at += FSQ_BUS_BYTES;
            if (words.front().last != (--beats == 0)) error = "WLAST stands on the wrong beat";
            if (beats == 0) writes.pop_front(), answers.push_back(now + LATENCY);
            words.pop_front();
        }
        if (top.m_axi_bvalid && top.m_axi_bready) answers.pop_front(), answer_offered = false;
        return moved;
    }

    void inside(std::uint64_t at, unsigned length) {
        if (at / 4096 != (at + (length + 1) * FSQ_BUS_BYTES - 1) / 4096) error = "a burst crosses 4 KB";
    }

    // Of a beat the bytes around the pixels are read, too.
    std::uint8_t pixel(std::uint64_t at) {
        const std::uint64_t bytes = 8 * job.beats.size();
        if (at + FSQ_BUS_BYTES <= SOURCE || at >= SOURCE + bytes + FSQ_BUS_BYTES) error = "the shell reads elsewhere";
        if (at < SOURCE || at >= SOURCE + bytes) return FILL;
        return static_cast<std::uint8_t>(job.beats[(at - SOURCE) / 8] >> ((at - SOURCE) % 8 * 8));
    }

    void write(std::uint64_t at, std::uint8_t value) {
        if (at < TARGET || at >= TARGET + results.size()) error = "the shell writes elsewhere";
        else results[at - TARGET] = value;
    }

    Vfsq_cosim_top& top;
    const Job& job;
    std::vector<std::uint8_t> results;
    std::vector<Staller> stalls;
    std::deque<std::pair<std::uint32_t, std::uint32_t>> commands;
    std::deque<std::uint32_t> questions;
    std::vector<std::uint32_t> heard;
    std::deque<Beat> reads, words;
    std::deque<std::pair<std::uint64_t, unsigned>> writes;  // address and beats that are left
    std::deque<std::uint64_t> answers;
    std::uint64_t now = 0;
    bool address_waits = false, word_waits = false, busy = false, asks = false, asking = false, told = false;
    bool read_offered = false, answer_offered = false;
};
