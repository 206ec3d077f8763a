/* What error.c, which makes the errors of transfers, and its table and phases
   share. Nobody else includes this. */
#pragma once

#include "error.h"

/* ---- error_codes.c ---- */

/* Newer than the oldest header of libcurl: by number. */
#define ERROR_TOO_LARGE 100

typedef struct ErrorRow {
  int code;
  const char *name;
  const char *kind;
  bool retryable; /* trying again, unchanged, may succeed */
} ErrorRow;

/* NULL for a code that is not known here. */
const ErrorRow *error_row(CURLcode code);

/* ---- error_phase.c ---- */

Phase error_phase_of(struct Easy *easy);
const char *error_phase_name(Phase phase);

/* The status that a proxy has given to CONNECT, 0: none. */
long error_connect_status(struct Easy *easy);

/* Whether the connection to the proxy stands, and that to the server does not. */
bool error_asks_proxy(struct Easy *easy);
