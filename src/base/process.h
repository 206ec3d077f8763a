/* What there is once in a process, whatever number of Lua states, loops and
   threads it has. Knows nothing of Lua. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>

/* How often this process was forked off since the library was loaded. A child
   has its parent's sockets and epoll descriptor in common with it, so it may
   not even close what was made before: each handle notes this number at its
   birth. Written in the child alone, before fork returns there. */
extern unsigned process_forks;

/* Once for all threads: the fork handler, SIGPIPE, and curl_global_init
   unless `host_has` says that the host has called it. */
CURLcode process_init(bool host_has);

/* Before libuv opens anything: it ends the process when it closes a descriptor
   below 3, which it gets where a daemon has closed stdin or the like. Such a
   one becomes /dev/null. */
void process_fill_standard_files(void);

/* Why no file can be opened now: EMFILE or ENFILE; 0: one can. */
int process_lacks_files(void);
