#include "molt/db/postgres/read_gate_functions.h"

#include <array>
#include <cstddef>

namespace molt::db::postgres {

namespace {

constexpr std::string_view kLock = "its lock can outlive the statement";
constexpr std::string_view kUnlock = "it releases locks of the session";
constexpr std::string_view kLargeObject = "it opens or changes large objects";
constexpr std::string_view kRunsSql = "it runs SQL that is not checked here";
constexpr std::string_view kOtherSession = "it acts in another session";
constexpr std::string_view kServerFile = "it reaches files of the server";
constexpr std::string_view kServer = "it controls the server";
constexpr std::string_view kReplication = "it acts on replication or the write-ahead log";
constexpr std::string_view kStatistics = "it changes statistics";
constexpr std::string_view kStorage = "it changes how a table is stored";
constexpr std::string_view kOutside = "it reaches outside of the database";
constexpr std::string_view kTransactionId = "it uses up a transaction id";
constexpr std::string_view kInternal = "it is for the server's own use";

struct Rule {
  std::string_view name;  // of a function, or with * at the end what its name begins with
  std::string_view why;
  // Whether a column written `x.name` is surely one, or else absurd: so common a name is refused
  // only where it is called.
  bool only_called = false;
};

// Made by going through every volatile and stable function of PostgreSQL 15 and what newer versions
// and the usual extensions add. Prefixes are such as only the server or one extension uses: as
// `x.name` may call a function, a name here also refuses a qualified column of that name. Not here,
// because they only tell something or end with the transaction: pg_sleep, currval, lastval, random,
// pg_stat_get_*, pg_stat_clear_snapshot, pg_control_*, *_in, *_out and the like.
constexpr std::array kRules = {
    // Locks that ROLLBACK does not release, or that block others.
    Rule{"pg_advisory_lock*", kLock},
    Rule{"pg_advisory_xact_lock*", kLock},
    Rule{"pg_try_advisory_*", kLock},
    Rule{"pg_advisory_unlock*", kUnlock},
    // The session.
    Rule{"set_config", "it changes settings of the session"},
    Rule{"setseed", "it changes the session's random numbers"},
    Rule{"pg_notify", "it notifies other sessions"},
    Rule{"pg_export_snapshot", "it writes a snapshot for other sessions"},
    Rule{"set_limit", "it changes settings of the session"},  // pg_trgm
    // Sequences. A read-only transaction refuses both; the text says so earlier.
    Rule{"nextval", "it advances a sequence"},
    Rule{"setval", "it changes a sequence"},
    // Transaction ids; those of the name ..._if_assigned only tell.
    Rule{"txid_current", kTransactionId},
    Rule{"pg_current_xact_id", kTransactionId},
    // Large objects. No prefix: columns of benchmarks begin with lo_.
    Rule{"lo_close", kLargeObject},
    Rule{"lo_creat", kLargeObject},
    Rule{"lo_create", kLargeObject},
    Rule{"lo_export", kServerFile},
    Rule{"lo_from_bytea", kLargeObject},
    Rule{"lo_get", kLargeObject},
    Rule{"lo_import", kServerFile},
    Rule{"lo_lseek", kLargeObject},
    Rule{"lo_lseek64", kLargeObject},
    Rule{"lo_manage", kLargeObject},
    Rule{"lo_open", kLargeObject},
    Rule{"lo_put", kLargeObject},
    Rule{"lo_tell", kLargeObject},
    Rule{"lo_tell64", kLargeObject},
    Rule{"lo_truncate", kLargeObject},
    Rule{"lo_truncate64", kLargeObject},
    Rule{"lo_unlink", kLargeObject},
    Rule{"loread", kLargeObject},
    Rule{"lowrite", kLargeObject},
    // SQL or table names as values: what they run is not in the text.
    Rule{"query_to_xml*", kRunsSql},
    Rule{"cursor_to_xml*", kRunsSql},
    Rule{"table_to_xml*", kRunsSql},
    Rule{"schema_to_xml*", kRunsSql},
    Rule{"database_to_xml*", kRunsSql},
    Rule{"ts_stat", kRunsSql},
    Rule{"ts_rewrite", kRunsSql},
    Rule{"crosstab", kRunsSql},  // tablefunc
    Rule{"crosstab2", kRunsSql},
    Rule{"crosstab3", kRunsSql},
    Rule{"crosstab4", kRunsSql},
    Rule{"connectby", kRunsSql},
    Rule{"xpath_table", kRunsSql},  // xml2
    // Connections of their own, which no ROLLBACK here undoes.
    Rule{"dblink", kRunsSql},
    Rule{"dblink_*", kRunsSql},
    Rule{"pg_background_*", kRunsSql},
    Rule{"postgres_fdw_disconnect*", "it closes connections of the session"},
    // Other backends.
    Rule{"pg_terminate_backend", kOtherSession},
    Rule{"pg_cancel_backend", kOtherSession},
    Rule{"pg_log_backend_memory_contexts", kOtherSession},
    // Files.
    Rule{"pg_read_file*", kServerFile},
    Rule{"pg_read_binary_file*", kServerFile},
    Rule{"pg_stat_file*", kServerFile},
    Rule{"pg_ls_*", kServerFile},
    Rule{"pg_file_*", kServerFile},  // adminpack
    Rule{"pg_logdir_ls", kServerFile},
    Rule{"pg_logfile_rotate", kServer},
    // The server as a whole.
    Rule{"pg_reload_conf", kServer},
    Rule{"pg_rotate_logfile*", kServer},
    Rule{"pg_promote", kServer},
    Rule{"pg_import_system_collations", kServer},
    Rule{"pg_stop_making_pinned_objects", kInternal},
    Rule{"pg_nextoid", kInternal},
    Rule{"pg_extension_config_dump", kInternal},
    Rule{"binary_upgrade_*", kInternal},
    // Replication, backup, write-ahead log; pg_xlog and pg_start_backup are names of old versions.
    Rule{"pg_logical_emit_message", kReplication},
    Rule{"pg_logical_slot_*", kReplication},
    Rule{"pg_create_*", kReplication},
    Rule{"pg_drop_*", kReplication},
    Rule{"pg_copy_*", kReplication},
    Rule{"pg_replication_slot_*", kReplication},
    Rule{"pg_replication_origin_*", kReplication},
    Rule{"pg_sync_replication_slots", kReplication},
    Rule{"pg_log_standby_snapshot", kReplication},
    Rule{"pg_switch_wal", kReplication},
    Rule{"pg_switch_xlog", kReplication},
    Rule{"pg_wal_replay_*", kReplication},
    Rule{"pg_xlog_replay_*", kReplication},
    Rule{"pg_backup_*", kReplication},
    Rule{"pg_start_backup", kReplication},
    Rule{"pg_stop_backup", kReplication},
    Rule{"pglogical_*", kReplication},
    // Statistics.
    Rule{"pg_stat_reset*", kStatistics},
    Rule{"pg_stat_force_next_flush", kStatistics},
    Rule{"pg_stat_statements_reset", kStatistics},
    Rule{"pg_stat_kcache_reset", kStatistics},
    Rule{"pg_restore_relation_stats", kStatistics},
    Rule{"pg_restore_attribute_stats", kStatistics},
    Rule{"pg_clear_relation_stats", kStatistics},
    Rule{"pg_clear_attribute_stats", kStatistics},
    // Storage and caches.
    Rule{"brin_summarize_*", kStorage},
    Rule{"brin_desummarize_range", kStorage},
    Rule{"gin_clean_pending_list", kStorage},
    Rule{"pg_truncate_visibility_map", kStorage},
    Rule{"heap_force_kill", kStorage},
    Rule{"heap_force_freeze", kStorage},
    Rule{"pg_prewarm", "it fills the server's cache"},
    Rule{"autoprewarm_*", "it fills the server's cache"},
    Rule{"pg_buffercache_evict*", "it empties the server's cache"},
    // Extensions that speak to other services.
    Rule{"http", kOutside, true},
    Rule{"http_get", kOutside},
    Rule{"http_post", kOutside},
    Rule{"http_put", kOutside},
    Rule{"http_patch", kOutside},
    Rule{"http_delete", kOutside},
    Rule{"http_head", kOutside},
    Rule{"query_export_to_s3", kOutside},
    Rule{"table_import_from_s3", kOutside},
};

char Lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + ('a' - 'A')) : letter;
}

// Whether `name` begins with `lower`, whatever its case. Built-in names have no upper case, but a
// quoted one in capitals is not worth a difference.
bool BeginsWith(std::string_view name, std::string_view lower) {
  if (name.size() < lower.size()) return false;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    if (Lower(name[i]) != lower[i]) return false;
  }
  return true;
}

}  // namespace

std::string_view WhyRefused(std::string_view function, Written written) {
  for (const Rule& rule : kRules) {
    if (rule.only_called && written != Written::kAsCall) continue;
    std::string_view name = rule.name;
    const bool is_prefix = name.back() == '*';
    if (is_prefix) name.remove_suffix(1);
    if (!is_prefix && function.size() != name.size()) continue;
    if (BeginsWith(function, name)) return rule.why;
  }
  return {};
}

}  // namespace molt::db::postgres
