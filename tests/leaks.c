/*
 * leaks.c: what LeakSanitizer takes for a leak and is none. Linked into every test program.
 */

/* Read by LeakSanitizer, where there is one. Fontconfig hides the pointers to what it keeps until the program ends. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}
