/* Admission in front of libcurl, for many HTTP/2 transfers to one cold host:
 * libcurl itself would open a connection for each as long as it knows of none
 * that may be shared. A probe opens one; when it stands, more probes follow,
 * as many as the waiting transfers need, and each brings room for its share. */
#include "best.h"

/* Libcurl's own limit is 100 as well; more are slower, because it wakes every
 * transfer of a connection at each of its events. */
#define STREAMS 100
#define SCOUTS_MAX 16

static struct {
  struct slot *first; /* the slots are one array, and enter in its order */
  long entered, admitted;
  long room;   /* streams on connections that stand */
  long probes; /* on their way */
  bool known;  /* that the host speaks HTTP/2 */
} admission;

static int on_connected(void *userp, char *remote, char *local, int remote_port,
                        int local_port)
{
  (void)userp, (void)remote, (void)local, (void)remote_port, (void)local_port;
  admission.probes--;
  admission.room += STREAMS - 1;
  admission.known = true;
  return CURL_PREREQFUNC_OK;
}

static void admit(bool probe)
{
  struct slot *slot = &admission.first[admission.admitted++];

  if (probe) {
    admission.probes++;
    curl_easy_setopt(slot->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(slot->easy, CURLOPT_PIPEWAIT, 0L);
    curl_easy_setopt(slot->easy, CURLOPT_PREREQFUNCTION, on_connected);
  }
  else
    admission.room--;
  require(curl_multi_add_handle(slot->multi, slot->easy) == CURLM_OK,
          "curl_multi_add_handle");
}

void admission_serve(void)
{
  while (admission.admitted < admission.entered && admission.room)
    admit(false);
  for (;;) {
    long waiting = admission.entered - admission.admitted;

    if (waiting <= admission.probes * STREAMS)
      return;
    if (admission.probes >= (admission.known ? SCOUTS_MAX : 1))
      return;
    admit(true);
  }
}

void admission_enter(struct slot *slot)
{
  if (!admission.first)
    admission.first = slot;
  admission.entered++;
  admission_serve();
}
