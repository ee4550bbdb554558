"""The grammar of the search language: one text for the filter and for the pipes.

The filter follows the habit of Kibana's query language (KQL), the pipes speak ES|QL's words. Terminals overlap on
purpose (a value may hold what ends a bare word); the contextual lexer offers only those the parser can take.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from lark import Lark

GRAMMAR: Final = r"""
start: filter? ("|" command)*

?filter: disjunction
disjunction: conjunction (_OR conjunction)*
conjunction: negation (_AND? negation)*
?negation: _NOT negation            -> inverse
         | "(" disjunction ")"
         | FIELD OPERATOR values    -> comparison
         | WORD                     -> word
         | QUOTED                   -> phrase

?values: VALUE                      -> value
       | QUOTED                     -> quoted
       | "(" value_or ")"
value_or: value_and (_OR value_and)*
value_and: value_not (_AND value_not)*
?value_not: _NOT value_not          -> inverse
          | values

?command: _WHERE disjunction        -> where
        | _EVAL assignment ("," assignment)* -> eval
        | _STATS aggregate ("," aggregate)* (_BY group ("," group)*)? -> stats
        | _SORT key ("," key)*      -> sort
        | _KEEP COLUMN ("," COLUMN)* -> keep
        | _DROP COLUMN ("," COLUMN)* -> drop
        | _LIMIT NUMBER             -> limit

assignment: NAME "=" expr
aggregate: NAME "=" call            -> named_aggregate
         | call (_AS NAME)?         -> aggregate
group: NAME "=" expr                -> named_group
     | expr                         -> group
key: expr DIRECTION?

?expr: expr _OR expr_and            -> either
     | expr_and
?expr_and: expr_and _AND expr_not   -> both
         | expr_not
?expr_not: _NOT expr_not            -> negated
         | sum COMPARE sum          -> binary
         | sum
?sum: sum (PLUS | MINUS) product    -> binary
    | product
?product: product TIMES unary       -> binary
        | unary
?unary: MINUS unary                 -> minus
      | atom
?atom: NUMBER                       -> number
     | DURATION                     -> duration
     | QUOTED                       -> text
     | NAME                         -> ref
     | call
     | "(" expr ")"
call: NAME "(" (expr ("," expr)*)? ")"

_AND.5: /(?i:and)(?=[\s()"]|$)/
_OR.5: /(?i:or)(?=[\s()"]|$)/
_NOT.5: /(?i:not)(?=[\s()"])/
_BY.5: /(?i:by)(?=\s|`)/
_AS.5: /(?i:as)(?=\s|`)/
DIRECTION.5: /(?i:asc|desc)\b/
_WHERE.5: /(?i:where)\b/
_EVAL.5: /(?i:eval)\b/
_STATS.5: /(?i:stats)\b/
_SORT.5: /(?i:sort)\b/
_KEEP.5: /(?i:keep)\b/
_DROP.5: /(?i:drop)\b/
_LIMIT.5: /(?i:limit|head)\b/

FIELD.3: /(?:`[^`\x00-\x1f]+`|[^\W\d][\w@.*\-]*|@[\w@.*\-]+|\*)(?=\s*(?::|[<>]|=|!=))/
OPERATOR: /:|<=|>=|<|>|==?|!=/
QUOTED.2: /"(?:\\.|[^"\\])*"/s
WORD: /(?:\\(?:.|$)|[^\s()"`:<>=|\\])+/s
VALUE: /(?:\\(?:.|$)|[^\s()"|\\])+/s
NAME: /`[^`\x00-\x1f]+`|@?[^\W\d][\w@]*(?:\.[\w@]+)*/
COLUMN: /`[^`\x00-\x1f]+`|[\w@.*\-]+/
DURATION.3: /\d+(?:ms|s|m|h|d|w)\b/
NUMBER.2: /\d+(?:\.\d+)?(?![\w.])/
COMPARE.4: /==|!=|<=|>=|<|>/
PLUS: "+"
MINUS: "-"
TIMES: /[*\/%]/

%import common.WS
%ignore WS
"""


@cache
def parser() -> Lark:
    """Return the parser, built on first use (some milliseconds)."""
    return Lark(GRAMMAR, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)
