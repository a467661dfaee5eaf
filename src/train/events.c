/*
 * events.c: TFRecord framing with its masked CRC-32C, and the few protocol buffer fields that a scalar needs.
 */
#include "train/events.h"

#include "base/buf.h"

#include <errno.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), bit by bit: records are short. */
static uint32_t crc32c(const unsigned char *p, size_t n)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (0x82f63b78u & -(crc & 1));
    }
    return ~crc;
}

static uint32_t masked_crc(const void *p, size_t n)
{
    uint32_t crc = crc32c(p, n);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* Appends the n low bytes of x, the lowest first. */
static void add_bytes(struct sl_buf *b, uint64_t x, int n)
{
    for (int i = 0; i < n; i++) sl_buf_addch(b, (char)(x >> 8 * i));
}

static void add_varint(struct sl_buf *b, uint64_t x)
{
    for (; x >= 0x80; x >>= 7) sl_buf_addch(b, (char)(x | 0x80));
    sl_buf_addch(b, (char)x);
}

/* Appends a field of bytes. */
static void add_field(struct sl_buf *b, int number, const char *bytes, size_t n)
{
    add_varint(b, (uint64_t)number << 3 | 2);
    add_varint(b, n);
    sl_buf_add(b, bytes, n);
}

/* Begins an event: wall_time = 1, step = 2. */
static void begin_event(struct sl_buf *b, int64_t step)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    double seconds = (double)now.tv_sec + 1e-6 * (double)now.tv_usec;
    uint64_t bits;
    memcpy(&bits, &seconds, sizeof bits);
    add_varint(b, 1 << 3 | 1);
    add_bytes(b, bits, 8);
    add_varint(b, 2 << 3 | 0);
    add_varint(b, (uint64_t)step);
}

static void write_record(sl_events *e, const struct sl_buf *data)
{
    struct sl_buf head = SL_BUF_INIT(64);
    add_bytes(&head, data->len, 8);
    add_bytes(&head, masked_crc(head.data, 8), 4);
    if (sl_buf_ok(data) && sl_buf_ok(&head)) {
        fwrite(head.data, 1, head.len, e->file);
        fwrite(data->data, 1, data->len, e->file);
        sl_buf_clear(&head);
        add_bytes(&head, masked_crc(data->data, data->len), 4);
        fwrite(head.data, 1, head.len, e->file);
    }
    sl_buf_release(&head);
}

sl_status sl_events_open(sl_events *e, const char *dir, int64_t step, sl_error *err)
{
    char path[4096], host[128] = "host";
    gethostname(host, sizeof host - 1);
    int n = snprintf(path, sizeof path, "%s/events.out.tfevents.%lld.%s.%ld", dir, (long long)time(NULL), host,
                     (long)getpid());
    if (n >= (int)sizeof path) return sl_fail(err, SL_ERR_ARGUMENT, "%s: too long a path", dir);
    e->file = fopen(path, "wbe");
    if (!e->file) return sl_fail(err, SL_ERR_IO, "%s: %s", path, strerror(errno));
    struct sl_buf b = SL_BUF_INIT(1 << 10);
    static const char version[] = "brain.Event:2", start[] = {1 << 3 | 0, 1}; /* SessionLog.status = START */
    begin_event(&b, 0);
    add_field(&b, 3, version, sizeof version - 1);
    write_record(e, &b);
    sl_buf_clear(&b);
    begin_event(&b, step);
    add_field(&b, 7, start, sizeof start);
    write_record(e, &b);
    sl_buf_release(&b);
    return SL_OK;
}

void sl_events_add(sl_events *e, int64_t step, const char *name, double value)
{
    if (!e->file) return;
    struct sl_buf item = SL_BUF_INIT(1 << 12), summary = SL_BUF_INIT(1 << 12), event = SL_BUF_INIT(1 << 12);
    float x = (float)value;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    add_field(&item, 1, name, strlen(name)); /* Summary.Value.tag */
    add_varint(&item, 2 << 3 | 5);           /* Summary.Value.simple_value */
    add_bytes(&item, bits, 4);
    add_field(&summary, 1, sl_buf_str(&item), item.len); /* Summary.value */
    begin_event(&event, step);
    add_field(&event, 5, sl_buf_str(&summary), summary.len); /* Event.summary */
    write_record(e, &event);
    sl_buf_release(&item);
    sl_buf_release(&summary);
    sl_buf_release(&event);
}

void sl_events_flush(sl_events *e)
{
    if (e->file) fflush(e->file);
}

void sl_events_close(sl_events *e)
{
    if (e->file) fclose(e->file);
    e->file = NULL;
}
