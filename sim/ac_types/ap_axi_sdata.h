// AXI4-Stream beats without side channels, which the open headers of the vendor lack: the fields that fsq_top uses.
#ifndef FSQ_AC_AP_AXI_SDATA_H
#define FSQ_AC_AP_AXI_SDATA_H

#include "ap_int.h"

template <int DATA, int USER, int ID, int DEST> struct ap_axiu {
    static_assert(USER == 0 && ID == 0 && DEST == 0, "side channels are not modelled");
    ap_uint<DATA> data;
    ap_uint<DATA / 8> keep;
    ap_uint<DATA / 8> strb;
    ap_uint<1> last;
};

#endif
