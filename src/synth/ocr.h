/*
 * ocr.h: the parts of the family "ocr": composing pages, receipts and forms, and asking about them.
 */
#ifndef SL_SYNTH_OCR_H
#define SL_SYNTH_OCR_H

#include "synth/page.h"

/* Tasks of the family, in the order of its table of names. */
typedef enum sl_ocr_task {
    SL_OCR_WORD,
    SL_OCR_LINE,
    SL_OCR_PARAGRAPH,
    SL_OCR_DOCUMENT,
    SL_OCR_SCENE,
    SL_OCR_REGION,
    SL_OCR_SPOT,
    SL_OCR_LOCATE,
    SL_OCR_RECEIPT,
    SL_OCR_FORM,
    SL_N_OCR_TASKS
} sl_ocr_task;

enum { SL_OCR_MAX_ITEMS = 10, SL_OCR_MAX_TEXT = 1 << 16 };

/* A shop's receipt or a filled-in form: what is printed, for questions. */
struct sl_ocr_record {
    bool receipt;
    int n;                                                /* items bought, or fields */
    const char *names[SL_OCR_MAX_ITEMS];                  /* of the items, or labels of the fields */
    char values[SL_OCR_MAX_ITEMS][48];                    /* of the fields; prices as printed */
    int count[SL_OCR_MAX_ITEMS], cents[SL_OCR_MAX_ITEMS]; /* how many of each, and what all of them cost */
    int total, tax;                                       /* cents */
    char shop[48], date[32], number[24];
};

/* Composes what the task reads into the empty page; a record is filled for receipts and forms. p->full: try again. */
void sl_ocr_compose(const struct sl_synth_request *r, struct sl_page *p, struct sl_ocr_record *record,
                    sl_script *script);

/* The two that have fields: into p's first surface, which is made here. */
void sl_ocr_compose_receipt(const struct sl_synth_request *r, struct sl_page *p, struct sl_ocr_record *record);
void sl_ocr_compose_form(const struct sl_synth_request *r, struct sl_page *p, struct sl_ocr_record *record);

/* Chooses a typeface of the script, of that size at least; by hand now and then where that is legible. */
struct sl_page_type sl_ocr_type(const struct sl_synth_request *r, sl_script script, double low, double high);

/* Adds question, answer and truth about a receipt or form, behind the picture. */
void sl_ocr_ask_record(const struct sl_synth_request *r, const struct sl_ocr_record *record, struct sl_synth_sample *s);

#endif
