/*
 * sandbox.h: a process that decodes other people's files gives up everything else.
 */
#ifndef SL_SERVE_SANDBOX_H
#define SL_SERVE_SANDBOX_H

#include "base/error.h"

#include <stddef.h>

/*
 * Locks this process in: no new privileges, no core file, no new files, sockets, programs or processes, at most
 * max_memory bytes of address space; a system call outside the list of sandbox.c ends it (opening files only fails).
 * It dies with the process that started it. For a process with one thread, which keeps the descriptors that it has.
 */
sl_status sl_sandbox_enter(size_t max_memory, sl_error *err);

#endif
