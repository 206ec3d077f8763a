/* Errors of transfers: what fails outside the program is returned as nil, err. */
#pragma once

#include "error_object.h"

struct Easy;

/* Where a transfer was when it ended; the names are those of err.phase. */
typedef enum Phase {
  PHASE_QUEUE,
  PHASE_RESOLVE,
  PHASE_CONNECT,
  PHASE_TLS,
  PHASE_SEND,
  PHASE_WAIT,
  PHASE_RECEIVE
} Phase;

/* Pushes the error object of a CURLcode. `easy` may be NULL: then nothing
   but the code is known. */
void error_push_easy(lua_State *L, struct Easy *easy, CURLcode code);

/* Whether a part of the body of a request has still to be sent. Its connection
   stands, and it gathers what comes. */
bool error_is_sending(struct Easy *easy);

/* The name of the phase that a transfer is in. */
const char *error_phase(struct Easy *easy);

/* core.error_table(): the rows of the table below, for the documentation. */
int error_table(lua_State *L);
int error_refinements(lua_State *L);
