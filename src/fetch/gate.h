/* Who may start a transfer to one host, and the handles that wait there for the
   next one: struct Gate, shared by gate.c and perform.c. */
#ifndef MULTISOCK_GATE_H
#define MULTISOCK_GATE_H

#include "multi.h"

#pragma GCC visibility push(hidden)

/* A number of connections that many hosts share. */
typedef struct Budget {
  lua_Integer total, limit;
  bool awaited;            /* hosts wait for a connection of it */
} Budget;

typedef enum HttpVersion {
  VERSION_UNKNOWN,
  VERSION_1,               /* a connection for each transfer */
  VERSION_2                /* or 3: connections carry streams */
} HttpVersion;

typedef struct Gate {
  const void *self;        /* see Owner in owner.h; it is memory alone */
  Budget *client, *process;
  HttpVersion version;
  lua_Integer limit;       /* connections to the host at most */
  lua_Integer streams;     /* on one connection of HTTP/2 */
  lua_Integer active;      /* transfers admitted */
  lua_Integer counted;     /* connections that the budgets know of */
  lua_Integer connections; /* of HTTP/2, or while the version is not known */
  lua_Integer scouts;      /* of those, how many are being opened */
  lua_Integer scouts_most;
  bool queued;             /* somebody waits for a place */
  bool cleartext;          /* cannot become HTTP/2 */
  Easy ***idle;            /* what the userdata hold: NULL once closed */
  int idle_count, idle_room;
} Gate;

Gate *gate_check(lua_State *L, int idx);

/* Takes a place that is there without further thought: on a connection that
   stands, or for one more of HTTP/1. */
bool gate_take_free(Gate *gate);

/* Gives a place back. */
void gate_leave(Gate *gate, bool scout);

/* Whether somebody may have waited for what was given back. */
bool gate_is_awaited(const Gate *gate);

/* Another handle waits; false when there are enough. The caller has made sure
   that the gate keeps the userdata alive, and easy_set_home that this one keeps
   its multi alive. */
bool gate_keep(Gate *gate, Easy **handle, int profile);

/* Where a handle of this profile waits, of those that came last; -1: none. */
int gate_find(const Gate *gate, int profile);

/* Takes it from there. */
Easy **gate_take_idle(Gate *gate, int at);

/* Whether the gate at stack index `gate` keeps the easy at `easy` alive. */
bool gate_has(lua_State *L, int gate, int easy);

void gate_open(lua_State *L);

#pragma GCC visibility pop

#endif
