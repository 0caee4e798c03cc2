#include "system/mysql/outcome.h"

#include "base/mem.h"

#define ERRORS "MySQL 8.0 Error Reference, Server Error Messages"
#define INNODB "MySQL Reference Manual, InnoDB Error Handling"
#define GROUP "MySQL Reference Manual, Group Replication"
#define TRX_BEGIN GROUP " plugin, consistency_manager.cc: while the transaction waited to begin"

/* An error is OP_FAIL only where it is written, or seen in the server's source, that
 * the statement was rolled back or never began. What may come out of the commit
 * itself, after others may have got the transaction, is OP_INFO; and so is
 * whatever is not here. */
static const struct my_verdict verdicts[] = {
	{1021, OP_FAIL, false, ERRORS ": ER_DISK_FULL; " INNODB ": the statement is rolled back"},
	{1044, OP_FAIL, true, ERRORS ": ER_DBACCESS_DENIED_ERROR, refused before it began"},
	{1046, OP_FAIL, true, ERRORS ": ER_NO_DB_ERROR, refused before it began"},
	{1048, OP_FAIL, false, ERRORS ": ER_BAD_NULL_ERROR, the statement is rolled back"},
	{1049, OP_FAIL, true, ERRORS ": ER_BAD_DB_ERROR, refused before it began"},
	{1053, OP_INFO, true, "sql_class.h, THD::killed: the number of a shutdown and of KILL, whatever the statement was doing"},
	{1054, OP_FAIL, false, ERRORS ": ER_BAD_FIELD_ERROR, refused before it began"},
	{1062, OP_FAIL, false, INNODB ": a duplicate key rolls the statement back"},
	{1064, OP_FAIL, false, ERRORS ": ER_PARSE_ERROR, refused before it began"},
	{1114, OP_FAIL, false, ERRORS ": ER_RECORD_FILE_FULL; " INNODB ": the statement is rolled back"},
	{1142, OP_FAIL, true, ERRORS ": ER_TABLEACCESS_DENIED_ERROR, refused before it began"},
	{1146, OP_FAIL, false, ERRORS ": ER_NO_SUCH_TABLE, refused before it began"},
	{1158, OP_INFO, true, ERRORS ": ER_NET_READ_ERROR, the server's end of the connection"},
	{1159, OP_INFO, true, ERRORS ": ER_NET_READ_INTERRUPTED, the server's end of the connection"},
	{1160, OP_INFO, true, ERRORS ": ER_NET_ERROR_ON_WRITE, the server's end of the connection"},
	{1161, OP_INFO, true, ERRORS ": ER_NET_WRITE_INTERRUPTED, the server's end of the connection"},
	{1180, OP_INFO, true, ERRORS ": ER_ERROR_DURING_COMMIT"},
	{1205, OP_FAIL, false, INNODB ": a lock wait that timed out rolls the statement back"},
	{1213, OP_FAIL, false, INNODB ": a deadlock rolls the whole transaction back"},
	{1223, OP_FAIL, true, ERRORS ": ER_CANT_UPDATE_WITH_READLOCK, refused before it began"},
	{1264, OP_FAIL, false, ERRORS ": ER_WARN_DATA_OUT_OF_RANGE, the statement is rolled back"},
	{1290, OP_FAIL, true, ERRORS ": ER_OPTION_PREVENTS_STATEMENT (super_read_only), refused before it began"},
	{1317, OP_FAIL, false, ERRORS ": ER_QUERY_INTERRUPTED, before its commit; one that waits for an acknowledgement is not interrupted"},
	{1406, OP_FAIL, false, ERRORS ": ER_DATA_TOO_LONG, the statement is rolled back"},
	{1598, OP_INFO, true, ERRORS ": ER_BINLOG_LOGGING_IMPOSSIBLE, the binary log failed in the commit"},
	{1792, OP_FAIL, true, ERRORS ": ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, refused before it began"},
	{1836, OP_FAIL, true, ERRORS ": ER_READ_ONLY_MODE, refused before it began"},
	{2006, OP_FAIL, true, "Connector/C, mthd_my_send_cmd(): its last packet was not sent"},
	{2013, OP_INFO, true, "Connector/C: the connection ended before the answer"},
	{2026, OP_INFO, true, "Connector/C: the connection's encryption failed"},
	{2027, OP_INFO, true, "Connector/C: a packet that it does not understand"},
	{3024, OP_FAIL, false, ERRORS ": ER_QUERY_TIMEOUT, of reads alone"},
	{3032, OP_INFO, true, ERRORS ": ER_SERVER_OFFLINE_MODE; sent to sessions that are ended, whatever they were doing"},
	{3100, OP_INFO, true, GROUP " plugin, observer_trans.cc: the hook failed before or after the broadcast, so others may have got it"},
	{3101, OP_FAIL, false, GROUP ": certification refused it, and all members roll it back"},
	{3796, OP_FAIL, true, TRX_BEGIN ": ER_GRP_TRX_CONSISTENCY_NOT_ALLOWED"},
	{3797, OP_FAIL, true, TRX_BEGIN ": ER_GRP_TRX_CONSISTENCY_BEFORE"},
	{3798, OP_FAIL, true, TRX_BEGIN ": ER_GRP_TRX_CONSISTENCY_AFTER_ON_TRX_BEGIN"},
	{3799, OP_FAIL, true, TRX_BEGIN ": ER_GRP_TRX_CONSISTENCY_BEGIN_NOT_ALLOWED"},
	{4031, OP_FAIL, true, ERRORS ": ER_CLIENT_INTERACTION_TIMEOUT: written when the session had ended, before the statement was read"},
};

const struct my_verdict *my_verdicts(size_t *n)
{
	*n = ARRAY_LEN(verdicts);
	return verdicts;
}

struct my_verdict my_judge(unsigned number)
{
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		if (verdicts[i].number == number)
			return verdicts[i];
	return (struct my_verdict){number, OP_INFO, true, "not known"};
}
