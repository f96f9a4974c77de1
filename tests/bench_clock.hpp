// A clock cycle of any simulated module with a clock named clk: inputs are what they were set to before it.
#pragma once

template <class Top>
void tick(Top& top) {
    top.clk = 0;
    top.eval();
    top.clk = 1;
    top.eval();
}
