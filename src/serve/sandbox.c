/*
 * sandbox.c: resource limits and the list of system calls that decoding needs.
 *
 * The list is what memory, one thread and descriptors already open need. Libraries that look for configuration or
 * processors get "permission denied" from open, as on a machine without it; anything else ends the process, because
 * a decoder that asks for a socket is no longer a decoder.
 */
#include "serve/sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const int allowed[] = {
    /* memory */
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(memfd_create),
    SCMP_SYS(ftruncate),
    /* the descriptors at hand */
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(lseek),
    SCMP_SYS(poll),
    /* one thread's needs */
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* how a failed assertion ends a process: by its signal, not as a forbidden call */
    SCMP_SYS(tgkill),
};

/* Calls that libraries try and can do without. */
static const int refused[] = {SCMP_SYS(open),      SCMP_SYS(openat),     SCMP_SYS(stat),  SCMP_SYS(newfstatat),
                              SCMP_SYS(access),    SCMP_SYS(readlink),   SCMP_SYS(ioctl), SCMP_SYS(getcwd),
                              SCMP_SYS(prlimit64), SCMP_SYS(readlinkat), SCMP_SYS(statx), SCMP_SYS(faccessat)};

static sl_status limit_resources(size_t max_memory, sl_error *err)
{
    struct rlimit none = {0, 0}, memory = {max_memory, max_memory};
    int rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_DUMPABLE, 0) ||
             setrlimit(RLIMIT_CORE, &none);
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__ /* which reserve terabytes of address space */
    rc = rc || setrlimit(RLIMIT_AS, &memory);
#else
    (void)memory;
#endif
    if (rc) return sl_fail(err, SL_ERR_IO, "cannot limit a media worker: %s", strerror(errno));
    return SL_OK;
}

sl_status sl_sandbox_enter(size_t max_memory, sl_error *err)
{
    sl_status status = limit_resources(max_memory, err);
    if (status) return status;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int rc = filter ? 0 : -ENOMEM;
    for (size_t i = 0; !rc && i < sizeof allowed / sizeof *allowed; i++) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    }
    for (size_t i = 0; !rc && i < sizeof refused / sizeof *refused; i++) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), refused[i], 0);
    }
    if (!rc) rc = seccomp_load(filter);
    if (filter) seccomp_release(filter);
    if (rc) return sl_fail(err, SL_ERR_UNSUPPORTED, "cannot lock a media worker in: %s", strerror(-rc));
    return SL_OK;
}
