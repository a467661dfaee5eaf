/*
 * detect.h: the parts of processor detection that tests reach one by one.
 */
#ifndef SL_TENSOR_CPU_DETECT_H
#define SL_TENSOR_CPU_DETECT_H

#include <stdbool.h>

/*
 * Runs probe and returns its answer; false when it executed an illegal instruction. The process's SIGILL action is
 * put back before returning. One thread at a time.
 */
bool sl_cpu_survives(bool (*probe)(void));

/*
 * True when a small bf16 / int8 tile product gives the right numbers. The kernel must have granted the tiles to
 * this process; an illegal instruction otherwise. x86-64 only.
 */
bool sl_amx_test_bf16(void);
bool sl_amx_test_int8(void);

#endif
