"""The most frequent short words of 24 languages in one set: running text is full of them, menus and lists of links are not.

Which words these are is common knowledge of each language; case of ASCII letters is folded, as the scanner does.
"""

from __future__ import annotations

import numpy as np

from filters.extractor.tags import hashed

WORDS = """
a about after all also an and any are as at be because been but by can could did do does for from had has have he her his how i if in into
is it
its just like may more most my no not of on one only or other our out over said she should so some such than that the their them then
there these
they this to up was we were what when where which who will with would you your
aber als am an auch auf aus bei bin bis das dass dem den der des die doch durch ein eine einem einen einer eines er es für haben hat hatte
ich
ihr im ist ja kann mehr mit nach nicht noch nur oder sehr sein sich sie sind so über um und uns unter von vor war was wenn werden wie wir
wird
wurde zu zum zur
au aux avec ce cette ces dans de des du elle en est et être il ils je la le les leur mais même ne nous on ou où par pas plus pour qu que
qui sa
sans se ses son sont sur tout très un une vous été était
al como con cuando de del desde donde el ella en entre era es esta este fue ha han hasta la las le lo los más me muy no nos para pero por
porque
que se ser si sin sobre son su sus también un una uno y ya
che chi ci come con così da dal dalla dei del della delle di dove e è ed era gli ha hanno il in io la le lo loro ma nel nella non o per
perché
più quando questa questo se si sono su sua suo tra un una
ao aos as até com como da das de do dos e ela ele em entre era essa esse está eu foi há isso já mais mas mesmo muito na não nas no nos num
o os
ou para pela pelo por quando que se sem ser seu sua são também um uma
aan als bij dan dat de deze die dit door een en er geen had heeft het hij hoe ik in is je kan maar meer met naar niet nog nu of om onder
ook op
over te tot uit van veel voor was wat we werd wij worden zich zij zijn zo
bardzo być był było co czy dla do gdy i ich ja jak jako jego jej jest już który która które lub ma może na nad nie o od oraz po pod przez
przy są
się tak także też to tego tym w we z za ze że
aby ale ani až bude byl byla bylo být co do i jak jako je jeho jejich jen již jsem jsou k kde když která které který má mezi na nebo není
o od po
pod podle pro proto při s se si tak také tím to tom tu u v ve však z za že
att av de den det då efter eller en ett från för ha han har hon hur i inte jag kan kunde man med men mot nu när och om oss på sig sin som
ska så
till under upp ut var vi vid är över
af at blev da de den der deres det dette efter eller en er et for fra ham han har have hun hvad hvis hvor i ikke jeg kan men med men mod
når
og også om os på sig som så til ud var ved vi være
ei ja että hän joka jos kuin kun mutta myös mitä ne niin nyt oli olla on ovat se sen siitä sitä tai tämä vain voi
a az és egy ez hogy is nem de már csak meg volt van vagy mint el ha még azt ki le mert így ezt lehet minden amely
acest această au a ce că când care cu de din ei el este și fi fost în în la lui mai nu o pe pentru prin sa sau se sunt un
bir bu da de ve için ile olarak çok daha gibi olan var ne ama kadar en her o sonra şey ise ya değil mi
dan yang di untuk dengan dari ini itu pada adalah tidak ke dalam akan juga atau oleh karena saya bisa ada
và của là có không cho được các một những trong với đã này người để khi từ về như cũng
и в не на что с по как это он она они из у за от к а но то все так же его её для мы вы был была было были бы или если при до их о уже
только
может когда где который которые также ещё чтобы
і в не на що з по як це він вона вони із у за від до а але то все так же його її для ми ви був була було були або якщо при їх про
и в на не се да от за с по е са че като при или това той тя те си ще беше които към
και το τα η ο οι να του της των με για από που δεν θα σε είναι στο στη στην τον την αυτό ένα μια ή
في من على إلى عن أن هذا هذه التي الذي مع لا ما كان كانت هو هي بعد قبل كل أو بين قد ثم
و در به از که این را با است برای آن یک تا بر می های ها شد بود خود هم یا ما
של את על לא עם זה הוא היא אל כי גם או אם כל היה יש אני מה בין
है के में की और से को का पर यह ने हैं भी एक नहीं कि जो था तो हो कर
de la i el en que a es per un una amb no els les del al més com però
"""


def stop_word_keys(size: int = 4096) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """A set by open addressing, uint64 [size]: hashes of the words, 0 where free."""
    keys = np.zeros(size, np.uint64)
    for word in dict.fromkeys(WORDS.split()):
        key = hashed(word.encode())
        at = key & (size - 1)
        while keys[at]:
            at = (at + 1) & (size - 1)
        keys[at] = key
    return keys


STOP_WORD_KEYS = stop_word_keys()
