/*
 * test_bell.c: whose rope was pulled is woken at the next ring, once; an untied rope is forgotten.
 */
#include "test.h"

#include "serve/bell.h"

#include <errno.h>
#include <time.h>

enum { SLEEPERS = 5, ROUNDS = 300 };

/* A thread that waits for its number to change. */
struct sleeper {
    struct sl_bell_rope rope;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    int said, heard; /* under the lock */
    bool late;       /* it was not woken within seconds */
};

static void *sleep_and_listen(void *p)
{
    struct sleeper *s = p;
    pthread_mutex_lock(&s->lock);
    while (s->heard < ROUNDS && !s->late) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 20;
        int rc = 0;
        while (s->said == s->heard && rc != ETIMEDOUT) rc = pthread_cond_timedwait(&s->more, &s->lock, &until);
        s->late = s->said == s->heard;
        s->heard = s->said;
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void sleeper_init(struct sleeper *s)
{
    *s = (struct sleeper){.rope.more = &s->more};
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->more, NULL);
}

static void sleeper_release(struct sleeper *s)
{
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->more);
}

static void say(struct sl_bell *b, struct sleeper *s)
{
    pthread_mutex_lock(&s->lock);
    s->said++;
    pthread_mutex_unlock(&s->lock);
    sl_bell_pull(b, &s->rope);
}

static void test_everybody_hears_every_ring(void **state)
{
    (void)state;
    struct sl_bell *b;
    struct sleeper sleepers[SLEEPERS];
    sl_error err = {0};
    assert_sl_ok(sl_bell_new(&b, &err), &err);
    for (int i = 0; i < SLEEPERS; i++) {
        sleeper_init(&sleepers[i]);
        assert_int_equal(pthread_create(&sleepers[i].thread, NULL, sleep_and_listen, &sleepers[i]), 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < SLEEPERS; i++) say(b, &sleepers[i]);
        sl_bell_ring(b);
        if (round % 100 == 0) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* all asleep again */
    }
    for (int i = 0; i < SLEEPERS; i++) {
        pthread_join(sleepers[i].thread, NULL);
        assert_false(sleepers[i].late);
        sl_bell_untie(b, &sleepers[i].rope);
        sleeper_release(&sleepers[i]);
    }
    sl_bell_free(&b);
    assert_null(b);
}

static void test_untied_ropes_are_forgotten_wherever_they_hang(void **state)
{
    (void)state;
    for (int untied = 0; untied < 3; untied++) {
        struct sl_bell *b;
        struct sleeper s[3];
        sl_error err = {0};
        assert_sl_ok(sl_bell_new(&b, &err), &err);
        for (int i = 0; i < 3; i++) {
            sleeper_init(&s[i]);
            sl_bell_pull(b, &s[i].rope);
            sl_bell_pull(b, &s[i].rope); /* once is enough */
        }
        sl_bell_untie(b, &s[untied].rope);
        assert_false(s[untied].rope.pulled);
        sl_bell_untie(b, &s[untied].rope);
        sl_bell_pull(b, &s[untied].rope); /* it may be tied again, behind the others */
        int last = untied == 2 ? 1 : 2;
        assert_ptr_equal(s[last].rope.next, &s[untied].rope);
        for (int i = 0; i < 3; i++) sl_bell_untie(b, &s[i].rope);
        sl_bell_ring(b);
        for (int i = 0; i < 3; i++) sleeper_release(&s[i]);
        sl_bell_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everybody_hears_every_ring),
        cmocka_unit_test(test_untied_ropes_are_forgotten_wherever_they_hang),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
