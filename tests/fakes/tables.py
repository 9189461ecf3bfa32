"""CEL and CDR tables as PBXs have them: what their makers lay out, for real servers to hold."""

# FreePBX's asteriskcdrdb.cel: whole seconds, local time, a key.
FREEPBX_CEL = """
CREATE TABLE cel (id int(11) NOT NULL AUTO_INCREMENT, eventtype varchar(30) NOT NULL, eventtime datetime NOT NULL,
 cid_name varchar(80) NOT NULL, cid_num varchar(80) NOT NULL, cid_ani varchar(80) NOT NULL DEFAULT '',
 cid_rdnis varchar(80) NOT NULL DEFAULT '', cid_dnid varchar(80) NOT NULL, exten varchar(80) NOT NULL,
 context varchar(80) NOT NULL, channame varchar(80) NOT NULL, appname varchar(80) NOT NULL,
 appdata varchar(80) NOT NULL, amaflags int(11) NOT NULL DEFAULT 3, accountcode varchar(20) NOT NULL DEFAULT '',
 uniqueid varchar(32) NOT NULL, linkedid varchar(32) NOT NULL, peer varchar(80) NOT NULL,
 userdeftype varchar(255) NOT NULL DEFAULT '',
 extra varchar(512) NOT NULL, PRIMARY KEY (id), KEY uniqueid_index (uniqueid), KEY linkedid_index (linkedid));
"""
# cel_pgsql's own: a moment with microseconds, another name for the channel's key.
PGSQL_CEL = """
CREATE TABLE cel (id serial PRIMARY KEY, eventtype varchar(30) NOT NULL, eventtime timestamp NOT NULL,
 userdeftype varchar(255) NOT NULL DEFAULT '', cid_name varchar(80) NOT NULL, cid_num varchar(80) NOT NULL,
 cid_dnid varchar(80) NOT NULL, exten varchar(80) NOT NULL, context varchar(80) NOT NULL, channame varchar(80) NOT NULL,
 appname varchar(80) NOT NULL, appdata varchar(80) NOT NULL, uniqueid varchar(150) NOT NULL,
 linkedid varchar(150) NOT NULL, peer varchar(80) NOT NULL, extra text NOT NULL);
"""
# What Asterisk's documentation gives for cdr_pgsql, with a key.
PGSQL_CDR = """
CREATE TABLE cdr (id serial PRIMARY KEY, calldate timestamp NOT NULL, clid varchar(80) NOT NULL, src varchar(80)
 NOT NULL, dst varchar(80) NOT NULL, dcontext varchar(80) NOT NULL, channel varchar(80) NOT NULL, dstchannel
 varchar(80) NOT NULL, lastapp varchar(80) NOT NULL, lastdata varchar(80) NOT NULL, duration integer NOT NULL, billsec
 integer NOT NULL, disposition varchar(45) NOT NULL, amaflags integer NOT NULL, accountcode varchar(20) NOT NULL,
 uniqueid varchar(150) NOT NULL, linkedid varchar(150) NOT NULL, sequence integer NOT NULL, userfield varchar(255));
"""
# FreePBX's asteriskcdrdb.cdr.
FREEPBX_CDR = """
CREATE TABLE cdr (
 calldate datetime NOT NULL DEFAULT '2000-01-01 00:00:00', clid varchar(80) NOT NULL DEFAULT '',
 src varchar(80) NOT NULL DEFAULT '', dst varchar(80) NOT NULL DEFAULT '', dcontext varchar(80) NOT NULL DEFAULT '',
 channel varchar(80) NOT NULL DEFAULT '', dstchannel varchar(80) NOT NULL DEFAULT '',
 lastapp varchar(80) NOT NULL DEFAULT '', lastdata varchar(80) NOT NULL DEFAULT '',
 duration int NOT NULL DEFAULT 0, billsec int NOT NULL DEFAULT 0, disposition varchar(45) NOT NULL DEFAULT '',
 amaflags int NOT NULL DEFAULT 0, accountcode varchar(20) NOT NULL DEFAULT '',
 uniqueid varchar(32) NOT NULL DEFAULT '', userfield varchar(255) NOT NULL DEFAULT '',
 did varchar(50) NOT NULL DEFAULT '', recordingfile varchar(255) NOT NULL DEFAULT '',
 cnum varchar(80) NOT NULL DEFAULT '', cnam varchar(80) NOT NULL DEFAULT '',
 outbound_cnum varchar(80) NOT NULL DEFAULT '', outbound_cnam varchar(80) NOT NULL DEFAULT '',
 dst_cnam varchar(80) NOT NULL DEFAULT '', linkedid varchar(32) NOT NULL DEFAULT '',
 peeraccount varchar(80) NOT NULL DEFAULT '', sequence int NOT NULL DEFAULT 0,
 KEY calldate (calldate), KEY dst (dst), KEY accountcode (accountcode), KEY uniqueid (uniqueid), KEY did (did));
"""
