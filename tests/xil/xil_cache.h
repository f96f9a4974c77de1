/* Of AMD's standalone BSP, as fsq_bare.c takes it. */
#include <stdint.h>
void Xil_DCacheFlushRange(intptr_t address, intptr_t bytes);
void Xil_DCacheInvalidateRange(intptr_t address, intptr_t bytes);
