"""Makes chat/expressions.json: small templates with what Jinja makes of them, in the environment
that transformers sets up for chat templates (jinja2 3.1.6, transformers 5.24.0, Python 3.11).

    python3 make_chat_expressions.py
"""
import json
import pathlib
import re

import jinja2
from transformers.utils.chat_template_utils import _compile_jinja_template

VARIABLES = {
    "s": "Hello, World",
    "words": ["pear", "Apple", "fig", "apple"],
    "n": 7,
    "x": 2.5,
    "yes": True,
    "no": False,
    "nothing": None,
    "empty": "",
    "none_list": [],
    "numbers": [3, 1, 2, 3],
    "nested": [[1, 2], [3], []],
    "d": {"b": 2, "a": 1, "C": 3},
    "message": {"role": "user", "content": "  hi\n there ", "items": "own", "n": None},
    "people": [
        {"name": "Ann", "age": 31, "town": {"name": "Cork"}, "tags": ["x"]},
        {"name": "bob", "age": 27, "town": {"name": "Bray"}, "tags": []},
        {"name": "Cid", "age": 31, "town": {"name": "Athy"}},
    ],
    "uni": "naïve cafe\u0301 \U0001f600 ǅ ß Σας ΟΔΟΣ",
    "html": "<a href=\"x\">&'</a>",
    "text": "one\ntwo\r\n\nthree\x0bfour\u2028five",
    "schema": {"type": "object", "properties": {"q": {"type": "string", "enum": ["a", 1, None, True, 1.5]}},
               "required": [], "x": {}, "é": "\u0001\"\\/\x7f\U0001f600"},
}

EXPRESSIONS = r"""
1 + 2 * 3 ~ 4
(1 + 2) * 3
7 // 2
-7 // 2
7 % 3
-7 % 3
7 % -3
7 / 2
8 / 2
2 ** 10
2 ** -1
2 ** 3 ** 2
(-1) ** 5
0 ** 0
7.5 // 2
-7.5 % 2
1 / 0
1 // 0
1 % 0
1.0 / 0
-n
+n
- -n
-n|abs
(-n)|abs
n + x
n + yes
yes + yes
true * 3
'ab' * 3
3 * 'ab'
'ab' * -1
[1, 2] * 2
(1,) * 3
'a' + 'b'
'a' + 1
1 + 'a'
'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1]
[1] + [2, 3]
(1, 2) + (3,)
[1] + (2,)
nothing + 1
missing + 1
missing
missing.foo
missing['foo']
message.missing
message.missing.more
message['missing']['more']
missing()
message.missing()
s.missing()
nothing.foo
nothing.foo.bar
n.foo
s.foo.bar
1.0
1e3
1E-5
1e16
1e15
123456789012345.6
1e-4
0.00001
1.5e300
1_000
0x1F
0b101
0o17
10 / 3
0.1 + 0.2
1e22
-0.0
100.0
2.5e-7
x|string
true
True
false
none
None
[1, 'a', none, true, 1.5, "it's", 'q"q', 'b\\s']
(1, 2)
(1,)
()
{'a': 1, "b": [2], 3: none}
{}
[]
['\n\t\x01é\u200b\U0001f600']
'\x41\u00e9\101\q\'\"'
"a" "b" 'c'
s
s|length
uni|length
uni
uni[10]
uni[-1]
uni[9:12]
uni[::-1]
uni|upper
uni|lower
uni|title
uni|capitalize
uni.upper()
uni.title()
uni.swapcase()
'ΑΣ Σ ΑΣΑ'.lower()
s[0]
s[-1]
s[100]
s[1:4]
s[:4]
s[4:]
s[:-2]
s[-3:]
s[::2]
s[::-1]
s[5:1:-1]
s[10:2:-3]
s[-100:100]
s[3:3]
s[:-100]
s[100:0:-1]
s[::0]
numbers[0]
numbers[-1]
numbers[9]
numbers[1:]
numbers[::-1]
numbers[-2:]
numbers[0:100:2]
numbers[none:none]
numbers['0']
(1, 2, 3)[1:]
range(5)[2]
range(5)[1:3]|list
range(10)[::-2]|list
d['a']
d.a
d.C
d['zz']
d.zz is defined
d[1]
message['items']
message.keys()|list
message.values()|list
d.items()
d.keys()
d.values()
d.items()|list
d.get('a')
d.get('q')
d.get('q', 5)
d.get('q', default=5)
d.copy()
d|length
d|list
d|items|list
d|dictsort
d|dictsort(true)
d|dictsort(by='value')
d|dictsort(reverse=true)
d|dictsort(by='other')
d.update({'a': 2})
d.pop('a')
numbers.append(4)
numbers.pop()
numbers.index(2)
numbers.index(9)
numbers.count(3)
numbers.copy()
(1, 2, 1).count(1)
s.__class__
s.__class__.__mro__
[].__class__
d.__class__
d['__class__']
s._x
n == 7
n == 7.0
1 == true
'1' == 1
[1, 2] == [1, 2.0]
(1, 2) == [1, 2]
{'a': 1} == {'a': 1.0}
none == none
missing == missing2
missing == none
missing == ''
n != 7
1 < 2 < 3
1 < 3 < 2
3 > 2 >= 2
1 < 'a'
'a' < 'b'
'B' < 'a'
[1, 2] < [1, 3]
[1] < [1, 0]
(1, 2) <= (1, 2)
none < 1
missing < 1
'\uffff' < '\U00010000'
'ell' in s
'' in s
1 in s
'z' not in s
3 in numbers
'3' in numbers
'a' in d
2 in d
1 in [1.0]
none in [none]
'x' in missing
1 in 5
'a' in none
2 in range(0, 10, 2)
3 in range(0, 10, 2)
'a' in d.keys()
('a', 1) in d.items()
not n
not none
not not s
yes and no
yes and 'x'
no or 'x'
'' or none or 0
0 or [] or 'z'
1 and 2 and 3
no and missing.foo
yes or missing.foo
not yes and no
not (yes and no)
'a' if yes else 'b'
'a' if no else 'b'
'a' if no
('a' if no).foo
'a' if no else 'b' if no else 'c'
1 if yes else missing.foo.bar
n is defined
missing is defined
message.nope is defined
message.nope is not defined
missing is undefined
nothing is none
n is none
nothing is not none
missing is none
s is string
n is string
missing is string
d is mapping
s is mapping
numbers is sequence
s is sequence
d is sequence
n is sequence
(1,) is sequence
range(3) is sequence
d.items() is sequence
missing is sequence
none is sequence
numbers is iterable
s is iterable
n is iterable
nothing is iterable
missing is iterable
d.items() is iterable
n is number
x is number
yes is number
s is number
n is integer
yes is integer
x is integer
x is float
n is float
yes is boolean
n is boolean
yes is true
no is false
1 is true
n is odd
n is even
x is odd
n is divisibleby 7
n is divisibleby(2)
n is divisibleby 0
n is eq 7
n is equalto 8
n is ne 8
n is gt 3
n is lessthan 3
n is >= 7
n is in [7, 8]
n is in numbers
n is not in [1]
n is sameas 7
yes is sameas true
none is sameas none
s is lower
'abc' is lower
'ABC1' is upper
'1' is upper
range is callable
s is callable
missing is callable
s.upper is callable
'upper' is filter
'nope' is filter
'odd' is test
n is nosuchtest
s is escaped
n is defined and x is defined
n is defined or missing.foo
not n is defined
n is defined == true
n is odd if yes else 1
message.content is string and message.content|trim
n is divisibleby n - 1
message.content|trim
'xxaxx'|trim('x')
'\u00a0\u3000a\x1c'|trim
missing|trim
n|trim
none|trim
s|upper
s|lower
'hELLO wORLD'|capitalize
'hello-world (foo) {bar} [baz] <qux> it\'s'|title
"hello-world it's 3rd".title()
none|upper
numbers|upper
s|length
n|length
none|length
missing|length
d|count
numbers|join
numbers|join(', ')
words|join('|')
people|join(', ', attribute='name')
people|map(attribute='age')|join('+')
none|join
missing|join(',')
'abc'|join('-')
d|join(',')
[1, none, true, 'a', [2]]|join(' ')
numbers|first
numbers|last
none_list|first
none_list|last
(none_list|first).foo
s|first
s|last
d|first
d|last
d.items()|first
n|first
missing|first
missing|last
numbers|map('string')|list
numbers|map('string')|first
numbers|map('string')|last
numbers|map('string')|length
'abc'|list
n|list
missing|list
words|map('upper')|list
words|map('replace', 'p', 'q')|list
words|map('nosuch')|list
people|map(attribute='town.name')|list
people|map(attribute='tags')|list
people|map(attribute='tags', default=[])|list
people|map(attribute='tags.0', default='-')|list
nested|map('length')|list
nested|map(attribute=0)|list
nested|map('first')|list
people|selectattr('age', 'equalto', 31)|map(attribute='name')|list
people|selectattr('tags')|map(attribute='name')|list
people|selectattr('tags', 'defined')|map(attribute='name')|list
people|rejectattr('tags', 'defined')|map(attribute='name')|list
people|rejectattr('age', 'gt', 30)|list
people|selectattr('town.name', 'in', ['Cork', 'Athy'])|map(attribute='name')|join(' ')
numbers|select('odd')|list
numbers|select|list
[0, 1, '', 'a', none]|select|list
[0, 1, '', 'a', none]|reject|list
numbers|reject('gt', 2)|list
numbers|select('nosuch')|list
numbers|select('in', [1, 2])|list
numbers|sort
numbers|sort(reverse=true)
words|sort
words|sort(case_sensitive=true)
words|sort(true, true)
people|sort(attribute='age')|map(attribute='name')|list
people|sort(attribute='age,name')|map(attribute='name')|list
people|sort(attribute='town.name', reverse=true)|map(attribute='name')|list
[1, 'a']|sort
words|unique|list
words|unique(true)|list
numbers|unique|list
[[1], [1]]|unique|list
numbers|reverse|list
s|reverse
d|reverse|list
n|reverse
numbers|min
numbers|max
words|min
words|max
none_list|max
people|max(attribute='age')
[1, 'a']|min
numbers|sum
numbers|sum(start=10)
people|sum(attribute='age')
words|sum
nested|sum(start=[])
people|groupby('age')|list|length
people|groupby('age')|map('first')|list
people|groupby('name')|map('first')|list
numbers|batch(3)|list
numbers|batch(3, 0)|list
numbers|slice(3)|list
numbers|slice(3, 'z')|list
s|replace('l', 'L')
s|replace('l', 'L', 1)
s|replace('', '-')
s|replace('o', '')
n|replace(7, 8)
s|replace('zz', 'y')
missing|replace('a', 'b')
missing|default('x')
missing|d('x')
missing|default
none|default('x')
none|default('x', true)
''|default('x', boolean=true)
0|d(5, true)
message.nope|default(message.role)
message.nope.more|default('x')
n|string
none|string
1.0|string
[1]|string
'12'|int
'12.7'|int
'x'|int
'x'|int(3)
' 42 '|int
'1_000'|int
'0x1f'|int(base=16)
'ff'|int(0, 16)
'-5'|int
2.9|int
-2.9|int
true|int
none|int
missing|int
[]|int
'1e3'|int
'inf'|int
'1.5'|float
'x'|float
'x'|float(2.0)
5|float
'1e5'|float
'inf'|float
'nan'|float
none|float
-5|abs
(-5)|abs
(-5.5)|abs
'a'|abs
2.5|round
3.5|round
2.567|round(2)
2.675|round(2)
42.55|round(1, 'floor')
42.55|round(1, 'ceil')
42|round
1234|round(-2)
1234.5|round(-2)
'a'|round
html|escape
html|e
html|safe
n|e
html|escape|upper
text|indent
text|indent(2)
text|indent(2, true)
text|indent(2, first=true, blank=true)
text|indent('> ')
''|indent
n|indent
s|center(20)
'abc'|center(6)
'ab'|center(5)
s|wordcount
'a-b c_d 3'|wordcount
(s * 30)|truncate
'foo bar baz qux'|truncate(9)
'foo bar baz qux'|truncate(9, true)
'foo bar baz qux'|truncate(11, false, '...', 0)
'%s and %s'|format('a', 1)
'%(a)s'|format(a=2)
'%s %r %d %5d|%-5d|%05d %x %X %o %e %.2f %5.1f %g %%' % ('a', 'b', 3, 4, 5, 6, 255, 255, 8, 1234.5, 2.345, 9.99, 0.0001)
'%s' % n
'%s' % [1]
'%s' % (1, 2)
'%s %s' % 1
'%(b)d %(a)s' % d
'%(zz)s' % d
'%d' % 'a'
'%d' % 3.7
'%+d % d' % (3, 4)
'%5s|%-5s|%.2s' % ('ab', 'ab', 'abc')
'%c' % 'a' if no else 'skip'
'abc' % ()
'abc' % {}
'abc' % 1
'{} {}'.format(1, 'a')
'{0} {1} {0}'.format(1, 'a')
'{a} {b[0]} {c.x}'.format(a=1, b=[2], c={'x': 3})
'{:>5}|{:<5}|{:^5}|{:*^7}|{:05d}|{:.2f}|{:,}'.format('a', 'b', 'c', 'd', 42, 3.14159, 1234567)
'{!r} {!s}'.format('a', 'b')
'{{}} {{x}}'.format()
'{}'.format()
'{x}'.format(1)
'{:.1%} {:x} {:+d} {:e}'.format(0.256, 255, 3, 12345.678)
'{:5}|{:5}|{:>5}'.format(1, 'a', true)
'{' .format(1)
schema|tojson
schema|tojson(indent=2)
schema|tojson(indent=4, sort_keys=true)
schema|tojson(ensure_ascii=true)
schema|tojson(separators=(',', ':'))
schema|tojson(sort_keys=true)
schema|tojson(false, 1)
schema|tojson(indent='--')
schema|tojson(indent=0)
[]|tojson(indent=2)
{}|tojson(indent=2)
(1, 2)|tojson
none|tojson
true|tojson
1.0|tojson
1e100|tojson
'é"\n'|tojson
html|tojson
missing|tojson
d.items()|tojson
{1: 2, none: 3, true: 4, 1.5: 6}|tojson
range(3)|tojson
'a,b,,c'.split(',')
'a,b,,c'.split(',', 1)
'a,b,,c'.rsplit(',', 1)
'a,b,,c'.rsplit(',')
'  a  b c '.split()
'  a  b c '.split(none, 1)
'  a  b c '.rsplit(none, 1)
'  a  b c '.rsplit()
'aXXbXXXc'.split('XX')
'aXXbXXXc'.rsplit('XX')
'abc'.split('')
'abc'.split('z')
''.split()
''.split(',')
'a</think>b</think>c'.split('</think>')[-1]
'a</think>b'.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n')
text.splitlines()
text.splitlines(true)
'  a '.strip()
'  a '.lstrip()
'  a '.rstrip()
'xyaxy'.strip('xy')
'xyaxy'.lstrip('yx')
'xyaxy'.rstrip('y')
'\n\na\n'.strip('\n')
s.startswith('Hell')
s.startswith(('x', 'H'))
s.startswith('ello', 1)
s.endswith('World')
s.endswith(('x', 'd'))
s.endswith('')
s.startswith(1)
s.upper()
s.lower()
s.capitalize()
s.replace('o', '0')
s.replace('o', '0', 1)
s.replace(1, 2)
s.find('o')
s.find('zz')
s.find('o', 5)
s.rfind('o')
s.rfind('zz')
s.index('W')
s.index('zz')
s.count('l')
s.count('')
'aaaa'.count('aa')
'aaaa'.rfind('aa')
'-'.join(['a', 'b'])
'-'.join([1, 2])
''.join([])
', '.join(d)
s.removeprefix('Hello')
s.removeprefix('x')
s.removesuffix('World')
s.removesuffix('')
s.partition(', ')
s.partition('zz')
s.rpartition('o')
s.rpartition('zz')
'7'.zfill(3)
'-7'.zfill(4)
'a'.ljust(3) ~ '|'
'a'.rjust(3, '*')
'a'.center(4, '*')
'abc'.isalpha()
'ab1'.isalnum()
'12'.isdigit()
''.isdigit()
' \n'.isspace()
'aB'.islower()
'AB1'.isupper()
'aXXbXXc'.split('XX', maxsplit=1)
s.nosuch
range(3)
range(1, 4)|list
range(5, 0, -2)|list
range(0)|list
range(0, 5, 0)
range(200000)
range('a')
range(3)|length
dict(a=1, b=2)
dict({'a': 1}, b=2)
dict([('a', 1)])
namespace(a=1).a
namespace(a=1).b
namespace(a=1)
namespace(_a=1)
raise_exception('No: ' ~ n)
raise_exception('é "quoted" \n line')
nosuch(1)
n(1)
s|nosuch
s|upper|lower|title
s|upper.x
n.real if no else 'skip'
people[0].name
people[0]['town'].name
people.0.name
people[-1].town['name']
nested[0][1]
(people|first).name
(numbers|sort)[0]
[1, 2, 3,][1]
{'a': 1,}['a']
[n, s|length, d.a]
{n: s, 'k': numbers[0]}
{[1]: 2}
{'a': {'b': {'c': 1}}}.a.b.c
'a' in ['a'] and 'b' not in ['a']
not 'a' in ['a']
1 == 1 and 2 == 2
n > 5 and n < 10
n > 5 if yes
numbers[n - 6]
numbers[n:]
s[n:n + 3]
s ~ '!' * 2
s|length > 5
s|length + 1
numbers|length - 1
-1 ** 2
1, 2
1,
[1, [2, [3, [4]]]]
s if s else 'x'
'a' 'b'
''
' '
"\\n"
'\\'
"{{ x }}"
'%}' ~ '{#'
{'a': '}}'}
[1 , 2][ 1 ]
s|first|upper ~ s[1:]
(1 if yes else 2) + 3
'%s' % 'é' ~ 'x'
none ~ missing ~ ''
x|int + n|float
'' is defined and '' is string
9223372036854775807
"a" if "a" == "a" else "b"
people|map(attribute='age')|sum / people|length
people|length is divisibleby 3
s.split(', ')[1][0]
'abc'[1:][0]
"x".join(numbers|map('string'))
words|sort|first
words|select('in', ['fig'])|first
d|dictsort|map('last')|list
d.items()|map('join', '=')|join('&')
[{'a': 1}, {'a': 2}]|map(attribute='a')|sum
numbers|list|length
'a\tb'|tojson
['a', 'b']|tojson|safe
'{"a": 1}' | safe
{'a': missing}
[missing]
[missing]|tojson
"%s" % missing
missing ~ 'x'
missing|string
missing|upper
missing|e
missing|abs
missing|round
missing|sum
missing|dictsort
missing|items|list
missing|sort
missing|map('upper')|list
missing|selectattr('a')|list
missing|tojson(indent=2)
missing|indent
missing|reverse|list
"a" is eq "a"
'<' + html|safe
(html|safe + '<')|upper
(html|e)[:6] + '<'
(html|e|trim) ~ '<'
html|safe + html|safe
(html|safe) is escaped
html|e|e
html|e|forceescape
html|safe|tojson
"a" is not eq "a"
5 is odd and 4 is even
1 is in [1] and 2 is not in [1]
""".strip("\n").split("\n")

TEMPLATES = [
    # White space.
    "a\n", "a\n\n", "a\r\nb\rc\n", "\n", "", " {{ n }} ", "{{ n }}\n", "{{ n }}\n\n",
    "{% if yes %}\n  x\n{% endif %}\ny", "  {% if yes %}  \n  x\n  {% endif %}  \ny",
    "a {%- if yes -%} b {%- endif -%} c", "a {%+ if yes +%}\n b {%+ endif +%}\n c",
    "a\n  {{- n -}}  \n b", "a\n   {# c #}\nb", "a {#- c -#} b", "  {# c #}  x", "{# a\nb #}\nc",
    "  {%+ if yes %}x{% endif %}", "x  {% if yes %}y{% endif %}", "{% if yes -%}\n\n  x{% endif %}",
    "{% if yes %}\n\nx{% endif %}", "\t{% set a = 1 %}\n{{ a }}", "{% set a = 1 %}  \n{{ a }}",
    "a\u00a0{%- if yes %}b{% endif %}", "{{ n -}}\n\n{{ n }}", "{{ n }}\n  {%- if yes %}b{% endif %}",
    "{%if yes%}a{%endif%}", "{{n}}{{-n}}{{+n}}", "{{ n }}  {{- n }}", "line\n    {%- for i in [1] %}\nx\n    {%- endfor %}\nend",
    "\n\n{% if yes %}\nx\n{% endif %}\n\n", "   {{ n }}\n   {% if yes %}", "x\n  {% raw %}\n  {{ a }}\n  {% endraw %}\ny",
    "{% raw %}{{ n }}{% if %}{% endraw %}", "{%- raw -%}  a  {%- endraw -%}  b", "{% raw %}a", "{# a", "{{ n", "{% if yes",
    "{% raw %}\na{% endraw %}\nb", "a{% raw +%}b{% endraw %}", "#} }} %}", "{ { n } }", "{{ '{%' }}", "{{ \"}}\" }}", "{%  raw %} {{ {% endraw %}x",
    "{{ 'a\nb' }}", "{{ {'a': {'b': 1}}['a'] }}", "{{ {'a':{}}}}", "a\x0b {%- if yes %}b{% endif %}", "\u2003{% if yes %}b{% endif %}",
    # if
    "{% if no %}a{% elif n == 7 %}b{% else %}c{% endif %}", "{% if no %}a{% elif no %}b{% else %}c{% endif %}",
    "{% if missing %}a{% endif %}b", "{% if yes %}{% if no %}a{% else %}b{% endif %}{% endif %}",
    "{% if yes %}a{% else %}b{% elif no %}c{% endif %}", "{% if %}a{% endif %}", "{% if yes %}a", "{% endif %}", "{% else %}",
    "{% if numbers and not none_list %}y{% endif %}", "{% if message.role == 'user' and message.content %}y{% endif %}",
    "{% if 1 if no else 2 %}a{% endif %}",
    # for
    "{% for i in numbers %}{{ i }},{% endfor %}", "{% for i in none_list %}x{% else %}none{% endfor %}", "{% for i in missing %}x{% else %}none{% endfor %}",
    "{% for i in none %}x{% endfor %}", "{% for i in n %}x{% endfor %}", "{% for c in 'aé😀' %}[{{ c }}]{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d|items %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d|dictsort %}{{ k }}={{ v }};{% endfor %}", "{% for (a, b) in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}", "{% for a, b in ['xy', 'zw'] %}{{ a }}{{ b }};{% endfor %}",
    "{% for a, b in [1] %}{{ a }}{% endfor %}", "{% for i in numbers if i > 1 %}{{ loop.index }}:{{ i }}/{{ loop.length }} {% endfor %}",
    "{% for i in numbers if i > 9 %}x{% else %}none{% endfor %}", "{% for i in numbers %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}",
    "{% for i in numbers %}{{ loop.previtem }}<{{ i }}<{{ loop.nextitem }} {% endfor %}", "{% for i in numbers %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}",
    "{% for i in numbers %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for i in [1, 1, 2] %}{{ loop.changed(i) }}{% endfor %}", "{% for i in [1] %}{{ loop.cycle() }}{% endfor %}",
    "{% for i in numbers %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in numbers %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in nested %}{% for j in i %}{% if j == 2 %}{% break %}{% endif %}{{ j }}{% endfor %};{% endfor %}", "{% for i in numbers %}{% break %}{% else %}e{% endfor %}",
    "{% for i in range(3) %}{{ i }}{% endfor %}", "{% for i in range(3) %}{% for j in range(i) %}{{ loop.index }}{% endfor %}|{{ loop.index }}{% endfor %}",
    "{% for i in [1] %}{% set z = i %}{% endfor %}{{ z is defined }}", "{% set z = 0 %}{% for i in [1, 2] %}{{ z }}{% set z = z + i %}{{ z }}{% endfor %}{{ z }}",
    "{% set ns = namespace(z=0) %}{% for i in [1, 2] %}{% set ns.z = ns.z + i %}{% endfor %}{{ ns.z }}", "{% for i in [1] %}{{ i }}{% endfor %}{{ i is defined }}",
    "{% set i = 9 %}{% for i in [1] %}{{ i }}{% endfor %}{{ i }}", "{{ loop is defined }}", "{% for i in numbers %}{{ loop.foo is defined }}{% break %}{% endfor %}",
    "{% for i in people|map(attribute='name') %}{{ loop.index }}/{{ loop.length }}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% set g = people|map(attribute='name') %}{% for i in g %}{{ i }}{% endfor %}{% for i in g %}{{ i }}{% endfor %}", "{% set g = people|map(attribute='name') %}{{ g|first }}{{ g|list }}",
    "{% for i in numbers[::-1] %}{{ i }}{% endfor %}", "{% for m in people[1:] %}{{ m.name }}{% endfor %}", "{% for i in numbers %}{{ i }}", "{% for in numbers %}{% endfor %}",
    "{% for i numbers %}{% endfor %}", "{% break %}", "{% for i in 1, 2 %}{{ i }}{% endfor %}", "{% for i in (1, 2) %}{{ i }}{% endfor %}", "{% for i in numbers %}{{ loop }}{% break %}{% endfor %}",
    "{% for x in [1,2,3] %}{%- if loop.first %}f{% elif loop.last %}l{% else %}m{% endif %}{% endfor %}", "{% for i in numbers %}{% if loop.index is odd %}{{ i }}{% endif %}{% endfor %}",
    "{% for i in [1,2] %}{% for j in [3,4] %}{{ i }}{{ j }}{{ loop.last }} {% endfor %}{% endfor %}", "{% for k in {'b': 1, 'a': 2} %}{{ k }}{% endfor %}",
    # set
    "{% set a = 1 %}{{ a }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = [1] %}", "{% set a = 1, 2 %}{{ a }}", "{% set a = a|default(3) %}{{ a }}", "{% set (a, b) = (1, 2) %}{{ a }}{{ b }}",
    "{% set a %}x{{ n }}y{% endset %}[{{ a }}]", "{% set a | upper | replace('X', 'z') %}x{{ n }}{% endset %}{{ a }}", "{% set a %}\n  x\n{% endset %}[{{ a }}]", "{% set a %}{% set b = 1 %}{% endset %}{{ b is defined }}",
    "{% if yes %}{% set a = 1 %}{% endif %}{{ a }}", "{% set ns.x = 1 %}", "{% set n.x = 1 %}", "{% set d.x = 1 %}", "{% set ns = namespace() %}{% set ns.x = [1] %}{{ ns.x }}{{ ns['x'] }}{{ ns.y is defined }}",
    "{% set ns = namespace() %}{% set ns._x = 1 %}", "{% set ns = namespace(a=1) %}{% set ns.a, b = 2, 3 %}{{ ns.a }}{{ b }}", "{% set true = 1 %}", "{% set 1 = 1 %}", "{% set a = %}", "{% set a = 1", "{% set ns = namespace(d) %}{{ ns.a }}",
    "{% set ns = namespace(x='a') %}{% set ns.x %}b{{ ns.x }}{% endset %}{{ ns.x }}", "{% set a = [] %}{% set a = a + [1] %}{% set a = a + [2] %}{{ a }}", "{% set a = 'x' if no else none %}{{ a is none }}",
    "{% set messages = people[1:] %}{{ messages|length }}", "{% set loop_messages = people %}{% for m in loop_messages %}{{ m['name'] }}{% endfor %}",
    # macro
    "{% macro f(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ f(1) }} {{ f(1, 3) }} {{ f(b=4, a=5) }}", "{% macro f(a) %}[{{ a }}]{% endmacro %}{{ f() }}", "{% macro f(a) %}{{ a.b }}{% endmacro %}{{ f() }}",
    "{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}", "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, x=3) }}", "{% macro f() %}x{% endmacro %}{{ f(1) }}", "{% macro f() %}x{% endmacro %}{{ f(a=1) }}",
    "{% macro f(a) %}x{% endmacro %}{{ f(1, a=2) }}", "{% macro f() %}{{ n }}{% set n = 1 %}{{ n }}{% endmacro %}{{ f() }}{{ n }}", "{% set q = 1 %}{% macro f() %}{{ q }}{% endmacro %}{% set q = 2 %}{{ f() }}",
    "{% macro f(x) %}{% if x > 0 %}{{ x }}{{ f(x - 1) }}{% endif %}{% endmacro %}{{ f(4) }}", "{{ f(1) }}{% macro f(x) %}{{ x }}{% endmacro %}", "{% macro f(x) -%}\n  {{ x }}\n{%- endmacro %}[{{ f(1) }}]",
    "{% macro f(x) %}{{ x }}{% endmacro %}{{ f(1)|length }}{{ f('ab') ~ f('c') }}", "{% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}x{{ n }}{% endcall %}", "{% macro f() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) f() %}{{ a }}{{ b }}{% endcall %}",
    "{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}", "{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}", "{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}", "{% macro f(a, b=1, c) %}{% endmacro %}",
    "{% for i in [1, 2] %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}", "{% macro g(x) %}<{{ x }}>{% endmacro %}{% macro f(x) %}{{ g(x) }}{% endmacro %}{{ f(1) }}", "{% macro f(x) %}{{ x }}{% endmacro %}{{ numbers|map('string')|map('length')|list }}",
    "{% macro f(x={}) %}{{ x|length }}{% endmacro %}{{ f() }}{{ f({'a': 1}) }}", "{% macro f(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ f(*[1, 2]) }}{{ f(**{'a': 3, 'b': 4}) }}{{ f(1, **{'b': 2}) }}", "{% macro f %}{% endmacro %}",
    "{% macro f(x) %}{% for i in range(x) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}{% endmacro %}{{ f(5) }}", "{% macro f() %}{{ loop is defined }}{% endmacro %}{% for i in [1] %}{{ f() }}{% endfor %}",
    # others
    "{% filter upper %}a{{ s }}{% endfilter %}", "{% filter replace('a', 'b')|upper %}aa{% endfilter %}", "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}", "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q is defined }}",
    "{% with n = 1, m = n %}{{ n }}{{ m }}{% endwith %}", "{% generation %}x{{ n }}{% endgeneration %}y", "{% for m in people %}{% generation %}{{ m.name }}{% endgeneration %}{% endfor %}", "{% generation %}{% set a = 1 %}{% endgeneration %}{{ a is defined }}",
    "{% print n, 1 %}", "{% nosuch %}", "{% do x %}", "{% if yes %}{{ s|nosuch }}{% endif %}", "{% if no %}{{ s|nosuch }}{% endif %}ok", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.reset() }}{{ c.next() }}",
    "{% set j = joiner('; ') %}{% for i in numbers %}{{ j() }}{{ i }}{% endfor %}", "{{ raise_exception('stop') }}", "{% if n != 8 %}{{ raise_exception('Roles must alternate: ' + message.role) }}{% endif %}", "{{ }}", "{{ 1 2 }}", "{{ (1 }}", "{{ 1) }}", "{{ [1} }}", "{{ 'a }}", "{{ a. }}", "{{ a[ }}", "{{ a | }}", "{{ is x }}", "{{ n is odd is even }}", "{{ $ }}", "{{ n! }}", "{{ `n` }}", "{{ n ? 1 : 2 }}", "{{ f(a=1, 2) }}", "{{ f(**d, 1) }}", "{{ [1, 2 }}",
    "{% set x = {'role': 'user'} %}{% set x = dict(x, content='c') %}{{ x }}", "{%- set ns = namespace(found=false) -%}{%- for m in people -%}{%- if m.name == 'bob' -%}{%- set ns.found = true -%}{%- endif -%}{%- endfor -%}{{ ns.found }}",
    "{% for m in people|selectattr('age', '>', 28) %}{{ m.name }}{% endfor %}", "{{ '<|im_start|>' + message.role + '\\n' + message.content | trim + '<|im_end|>' }}", "{{- 'x' + ('y' if yes else '') -}}", "{{ bos }}{{ s|trim|replace('World', 'W') + '\\n' }}",
    "{{ people | tojson(indent=2) | indent(4) }}", "{{ (people | map(attribute='name') | list)[0] }}", "{{ {'a': 1} | items | list }}", "{%- for p in people %}\n{%- if loop.index0 % 2 == 0 %}\n{{ p.name }}\n{%- endif %}\n{%- endfor %}", "{{ 'a' if message is mapping and 'role' in message else 'b' }}",
]

KINDS = [
    (jinja2.exceptions.TemplateAssertionError, "unsupported"),
    (jinja2.exceptions.TemplateSyntaxError, "syntax"),
    (SyntaxError, "syntax"),
    (jinja2.exceptions.SecurityError, "security"),
    (jinja2.exceptions.UndefinedError, "undefined"),
]


def outcome(template):
    try:
        return {"output": _compile_jinja_template(template).render(**VARIABLES)}
    except Exception as error:
        if re.search("Encountered unknown tag '(?!end|el)", str(error)):
            return {"error": "unsupported"}
        for kind, name in KINDS:
            if isinstance(error, kind):
                return {"error": name}
        if type(error) is jinja2.exceptions.TemplateError:
            return {"error": "raised", "message": str(error)}
        if "No filter named" in str(error) or "No test named" in str(error):
            return {"error": "unsupported"}
        return {"error": "limit" if isinstance(error, OverflowError) else "type"}


def main():
    templates = ["{{ " + expression + " }}" for expression in EXPRESSIONS] + TEMPLATES
    cases = [{"template": template, **outcome(template)} for template in templates]
    path = pathlib.Path(__file__).parent / "chat" / "expressions.json"
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    path.write_text(
        '{"variables": ' + json.dumps(VARIABLES, ensure_ascii=False) + ',\n"cases": [\n' + lines + "\n]}\n",
        encoding="utf-8")
    print(len(cases), "cases,", sum("error" in case for case in cases), "of them errors")


main()
