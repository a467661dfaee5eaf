/*
 * info_gguf.h: what `seedling info` prints of a GGUF file.
 */
#ifndef SL_CLI_INFO_GGUF_H
#define SL_CLI_INFO_GGUF_H

#include <stdbool.h>

/* Prints the metadata and the tensors of the file at path, as text or as one JSON object; returns the exit code. */
int sl_cli_info_gguf(const char *path, bool json);

#endif
