/* Inside store: the opcodes of pickles that hold snapshots (CPython Lib/pickle.py, protocols 2 to 5). */
#ifndef TM_PICKLE_H
#define TM_PICKLE_H

enum {
	OP_PROTO = 0x80,
	OP_FRAME = 0x95,
	OP_STOP = '.',
	OP_MARK = '(',
	/* numbers */
	OP_BININT = 'J', /* 4 bytes, signed */
	OP_BININT1 = 'K',
	OP_BININT2 = 'M',
	OP_LONG1 = 0x8a, /* 1 byte of length */
	/* strings */
	OP_SHORT_BINUNICODE = 0x8c, /* 1 byte of length */
	OP_BINUNICODE = 'X',	    /* 4 bytes */
	OP_BINUNICODE8 = 0x8d,
	/* containers */
	OP_EMPTY_TUPLE = ')',
	OP_TUPLE1 = 0x85,
	OP_TUPLE2 = 0x86,
	OP_TUPLE3 = 0x87,
	OP_TUPLE = 't',
	OP_EMPTY_LIST = ']',
	OP_APPEND = 'a',
	OP_APPENDS = 'e',
	OP_EMPTY_DICT = '}',
	OP_SETITEM = 's',
	OP_SETITEMS = 'u',
	/* the two objects */
	OP_GLOBAL = 'c', /* two lines */
	OP_STACK_GLOBAL = 0x93,
	OP_NEWOBJ = 0x81,
	OP_BUILD = 'b',
	/* the memo */
	OP_MEMOIZE = 0x94,
	OP_BINPUT = 'q',
	OP_LONG_BINPUT = 'r',
	OP_BINGET = 'h',
	OP_LONG_BINGET = 'j',
};
#endif
