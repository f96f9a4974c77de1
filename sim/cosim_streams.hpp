// The accelerator's own ports: pixels offered and logits taken over AXI4-Stream.
#pragma once
#include "Vfsq_cosim_top.h"
#include "cosim_ports.hpp"

class Ports {
public:
    Ports(Vfsq_cosim_top& design, const Job& what)
        : top(design), job(what), source{{job.seed * 0x9E3779B97F4A7C15ull + 1}, job.seed != 0},
          sink{{job.seed * 0xD1B54A32D192ED03ull + 7}, job.seed != 0} {}

    void idle() {
        top.s_axis_tvalid = 0;
        top.m_axis_tready = 0;
    }

    // What stands at the ports in a cycle.
    void drive() {
        // AXI4-Stream: an offered beat stays until it is taken
        if (!offered) offered = source.step() && sent < job.beats.size();
        else source.step();
        top.s_axis_tvalid = offered;
        top.s_axis_tdata = offered ? job.beats[sent] : 0xDEADBEEFDEADBEEFull;
        top.s_axis_tlast = offered && (sent + 1) % job.frame_beats == 0;
        top.m_axis_tready = sink.step();
    }

    // What happens in it; whether a word moved.
    bool watch(std::uint64_t cycle, std::FILE* report) {
        bool moved = false;
        if (top.s_axis_tvalid && top.s_axis_tready) {
            if (sent == 0) first = cycle;
            ++sent;
            offered = false;
            moved = true;
        }
        if (top.m_axis_tvalid && top.m_axis_tready && logits.size() < job.frames * job.frame_words) {
            logits.push_back(static_cast<std::int32_t>(top.m_axis_tdata));
            const bool last = logits.size() % job.frame_words == 0;
            if (static_cast<bool>(top.m_axis_tlast) != last) error = "TLAST stands on the wrong logit";
            if (last) std::fprintf(report, "frame_end %llu\n", static_cast<unsigned long long>(cycle));
        }
        return moved;
    }

    bool done() const { return logits.size() == job.frames * job.frame_words; }

    void end(std::FILE*) {
        if (top.frame_error) error = "the accelerator saw TLAST on the wrong beat";
    }

    std::uint64_t first = 0, sent = 0;  // cycle of the first beat; beats that went in
    std::vector<std::int32_t> logits;
    std::string error;

private:
    Vfsq_cosim_top& top;
    const Job& job;
    Staller source, sink;
    bool offered = false;
};
