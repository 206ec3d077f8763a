/* One transfer: struct Easy, shared by the files that give it methods.
   An Easy knows its multi only as a pointer to be told of; whatever touches
   a multi handle is multi.c's. */
#pragma once

#include <stdio.h>

#include "compat.h"
#include "deadlines.h"
#include "head_guard.h"
#include "messages.h"
#include "driver_uv.h"

/* Names and finds the metatable, see compat.h. */
extern const char easy_type[];

struct MimeBody;
struct Multi;
struct Receiver;
struct Share;

/* What an option holds for as long as libcurl may use it: a list, or a file
   of our own. */
typedef struct EasyList {
  struct EasyList *next;
  struct curl_slist *items;
  FILE *file;
  CURLoption option;
} EasyList;

/* libcurl's default. */
#define EASY_MAX_IDLE 118

typedef struct Easy {
  CURL *handle;
  lua_State *callbacks;         /* the thread on which callbacks run */
  struct Multi *multi;          /* what it is added to, or NULL */
  struct UvDriver *driver;      /* opens and closes its sockets, or NULL */
  struct Easy *previous, *next; /* among its multi's handles */
  struct Easy *ready_previous, *ready_next;
  struct ReadyList *ready;   /* the list it is in now, or NULL */
  struct Receiver *receiver; /* NULL: the user's callbacks */
  EasyList *lists;
  struct SharedLists *shared_lists; /* what clones hold together */
  struct Share *share;   /* what it was given, or NULL; share.c counts */
  struct Url *url;       /* what curlu was given, or NULL; url.c counts */
  struct MimeBody *mime; /* what mimepost has built, or NULL */
  int depth;             /* callbacks of this handle on the C stack */
  CURLcode result;
  int id;               /* its place in core.waiting; 0: none */
  lua_Integer item;     /* which one of a list it is asked for, see bulk.c */
  long buffer_size;     /* as start.c has chosen it; 0: libcurl's own,
                              -1: the user's */
  Deadline total;       /* when all has to be done */
  Deadline silence;     /* when to look whether it is answered; or, once it
                              is, whether more has come */
  const void *target;   /* whose URL it was last set to, see start.c */
  long max_idle;        /* CURLOPT_MAXAGE_CONN, in seconds */
  UvUse use;            /* the connection that it uses */
  struct Multi **home;  /* userdata of the multi that has its connection,
                              which its values keep alive */
  int lacking;          /* errno, when no file could be opened for it */
  unsigned refused;     /* uvdriver_refused, when it was added */
  bool finished;        /* libcurl has reported its end */
  bool connected;       /* the driver saw that its TCP connection stands */
  bool in_multi;        /* curl_multi_add_handle not yet undone */
  int profile;          /* what it is set up for, by number; 0: nothing that
                              stays */
  bool uncounted;       /* it keeps no loop running */
  bool pinned;          /* its multi keeps its userdata alive */
  bool reported;        /* its end was taken by info_read */
  bool orphan;          /* its userdata is gone or closed */
  bool failed_in_lua;   /* a callback raised: the error is kept */
  bool offered;         /* pushed by a server, see multi_push.c */
  bool cleartext_http2; /* asked for HTTP/2 without TLS */
  bool connect_only;    /* it keeps its connection, for send and recv */
  bool http1_only;      /* asked in HTTP/1 alone */
  bool needs_reset;     /* has met a stale connection, see easy_needs_reset */
  bool own_sockets;     /* open or close function of the user's own */
  bool wildcard;        /* wildcardmatch was set, see callbacks_ftp.c */
  bool cookie_files;    /* cookiefile was set, see options_reset */
  bool hsts_files;      /* hsts was set, see options_reset */
  bool shows_progress;  /* has a progress function of the user's */
  bool trailers;        /* trailerfunction was set, see callbacks_data.c */
  bool trailed;         /* that was asked for the trailers */
  bool attached;        /* holds its connection, for send and recv */
  bool related;         /* stream_depends concerns it, see options.c */
  bool performed;       /* has begun a transfer, see callbacks_guard_head */
  bool drops_body;      /* its write function was unset */
  FILE *out;            /* where callbacks_data.c writes a guarded body */
  HeadGuard guard;
  char *message; /* of an error: CURL_ERROR_SIZE bytes, see messages.h */
} Easy;

/* Transfers with something to tell, oldest first. */
typedef struct ReadyList {
  Easy *first, *last;
} ReadyList;

/* The Easy at this index; raises when it is none or closed. */
Easy *easy_check(lua_State *L, int idx);

/* Pushes the userdata of an Easy, or nil when it was collected. */
void easy_push(lua_State *L, const Easy *easy);

/* Pushes the table of Lua values that an Easy needs, or nil. */
void easy_push_values(lua_State *L, const Easy *easy);

/* Makes a handle (NULL: a new one) an Easy, whose userdata it pushes: with a
   table of values, and known as the handle's private pointer. The options
   stay as they are. */
Easy *easy_wrap(lua_State *L, CURL *handle);

/* The opposite, for a handle that libcurl frees: it forgets the Easy. */
void easy_disown(Easy *easy);

/* Whether its transfer has to do with a file: URL. */
bool easy_is_file(const Easy *easy);

/* Before each transfer: false when it must not run, and then nil and an error
   are pushed. The easy's userdata is at `self`. */
bool easy_may_start(lua_State *L, const Easy *easy, int self);

/* Around a call into libcurl for this handle that is no transfer: false when
   the handle was closed in a callback meanwhile, and is gone. Raises when a
   callback is running. */
void easy_enter(lua_State *L, Easy *easy, const char *what);
bool easy_leave(Easy *easy);

/* Pushes what such a call returns to Lua after its handle was closed. */
int easy_push_closed(lua_State *L);

/* Whether libcurl works on its multi. */
bool easy_is_busy(const Easy *easy);

/* Sets what every handle of ours has, also after curl_easy_reset. */
void easy_set_basics(Easy *easy);

/* Lets this driver open and close the sockets; NULL: libcurl itself. */
void easy_set_driver(Easy *easy, struct UvDriver *driver);

/* To be called from CURLOPT_PREREQFUNCTION, see uvdriver_use. */
bool easy_use(Easy *easy, const char *peer, int peer_port, int local_port);

/* Shuts down what a request is about to be sent on, when that is known. */
bool easy_hang_up(Easy *easy, int local_port);

/* Sets that function to one that does only this. */
void easy_set_prereq(Easy *easy);

/* Its transfer has ended. */
void easy_unuse(Easy *easy);

/* The connection of the easy at index `self` is in the multi at `multi`. */
void easy_set_home(lua_State *L, int self, int multi);

void easy_join_ready(Easy *easy, ReadyList *ready);
void easy_leave_ready(Easy *easy);

/* Hands over all that are ready: who waits for one is added to the list at `tasks`,
   whose last index it has and returns; those that nobody waits for to that at
   `strays`, from 1 to `count`. */
lua_Integer ready_move(lua_State *L, ReadyList *ready, int tasks,
                       lua_Integer last, int strays, lua_Integer *count);

/* The same as the method `ready` of loops and multis. */
int ready_take(lua_State *L, ReadyList *ready);

/* Frees all of it; it must not be in a multi or in a callback. */
void easy_destroy(Easy *easy);

/* Keeps the error value on top of the stack of L (popped) as the reason why
   this transfer ends. Raises nothing: without memory the value is lost. */
void easy_keep_error(lua_State *L, Easy *easy);

/* Pushes the error of a finished transfer: the value that a callback
   raised, or an error object. */
void easy_show_error(lua_State *L, Easy *easy, CURLcode code);

/* Forgets what a callback raised. */
void easy_drop_error(lua_State *L, Easy *easy);

/* Both. */
void easy_push_error(lua_State *L, Easy *easy, CURLcode code);

/* Pushes core.waiting: who waits for a transfer to be ready, by its number. */
void easy_push_waiting(lua_State *L);

/* Takes and gives up a place there. */
void easy_join_waiting(lua_State *L, Easy *easy);
void easy_leave_waiting(lua_State *L, Easy *easy);
/* Methods: easy_methods.c, easy_error.c; and those that are no part of a
   transfer: easy_io.c, easy_header.c, easy_dup.c. */
extern const luaL_Reg easy_methods[];
int easy_traceback(lua_State *L);
extern const luaL_Reg easy_io_methods[];
extern const luaL_Reg easy_header_methods[];
int easy_duphandle(lua_State *L);
int easy_clone(lua_State *L);

int easy_new(lua_State *L);
int easy_count(lua_State *L);
void easy_open(lua_State *L);
