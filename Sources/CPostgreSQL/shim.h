#ifndef HEBB_CPOSTGRESQL_SHIM_H
#define HEBB_CPOSTGRESQL_SHIM_H

#include <libpq-fe.h>

/* The five characters of a failure, or NULL when the server did not speak. A macro in libpq, of a
 * character, which Swift does not see. */
static inline const char *hebb_pq_state(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

static inline void hebb_pq_ignore(void *context, const char *message) {
    (void)context;
    (void)message;
}

/* Else libpq writes what a server remarks to standard error. */
static inline void hebb_pq_silence(PGconn *connection) {
    PQsetNoticeProcessor(connection, hebb_pq_ignore, NULL);
}

#endif
