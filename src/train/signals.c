/*
 * signals.c: a signalfd, because a handler would need a global to write to.
 */
#include "train/signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t both(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

void sl_signals_hold(sl_signals *s)
{
    sigset_t set = both();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    s->came = false;
    s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

bool sl_signals_stop(sl_signals *s)
{
    struct signalfd_siginfo info;
    if (s->came || s->fd < 0 || read(s->fd, &info, sizeof info) != sizeof info) return s->came;
    s->came = true;
    sl_signals_release(s);
    return true;
}

void sl_signals_release(sl_signals *s)
{
    sigset_t set = both();
    if (s->fd < 0) return;
    close(s->fd);
    s->fd = -1;
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
