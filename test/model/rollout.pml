/*
 * The rollout protocol as a model for spin: one proposal, an engine that may die at any moment, an author, a colleague, a
 * freeze window, and one gateway behind a network that delays, loses and reorders. Gateways do not speak to each other, so one
 * is enough. What the code does is the model without a flag; every flag is a mistake that the properties must find:
 *
 *   NOLOCK       the engine decides from a row it read before and writes without comparing
 *   SELFAPPROVE  the author's go-ahead counts
 *   NOFREEZE     the engine advances inside a freeze window
 *   SPLITAUDIT   state and audit entry are two transactions
 *   NOMONO       a gateway applies whatever snapshot arrives
 *   NOLEASE      a gateway that hears nothing keeps serving the candidate
 *   TIMEPASSES   a stage that has run its time advances without a verdict
 *   MISSINGPASS  evidence that is missing counts as good
 */
mtype = { QUEUED, WAITING, CANARY, BAKE, PROMOTED, ENDED }
mtype = { NONE, GOOD, BAD }

#define LAST 6          /* epochs that a run may reach */
#define ACTS 2          /* of each person */
#define LEASE 2         /* ticks without word after which a gateway serves the baseline only */

byte epoch = 0;
mtype state = QUEUED;
bit frozen = 0;         /* a freeze window holds at this moment */
byte audited = 0;       /* audit entries */
bit live[8];            /* does the snapshot of an epoch send traffic to the candidate */
bit ended = 0;          /* a rollback or an abort was committed */
byte done = 0;          /* actors that have finished */

bit served = 0;         /* the gateway sends traffic to the candidate */
byte applied = 0;       /* its epoch */
byte silence = 0;       /* ticks since it heard from the engine's database */
bit cut = 0;            /* it cannot be reached */
byte underWay = 0;      /* epoch of a message in the network */
bit isUnderWay = 0;

inline audit() {
#ifndef SPLITAUDIT
  audited++
#else
  skip
#endif
}

inline commit(to, candidateLive) {
  epoch++; state = to; live[epoch] = candidateLive; audit()
}

/* Whatever evidence, clock and calendar may say at this moment. */
inline look() {
  if :: found = NONE :: found = GOOD :: found = BAD fi;
  if :: overdue = 0 :: overdue = 1 fi;
  if :: frozen = 0 :: frozen = 1 fi
}

/* A rise of the candidate's share: only on a verdict or on somebody else's go-ahead, never frozen, never after the end. */
#define RISE(isProven) assert(isProven); assert(!ended); assert(!frozen)

proctype engine() {
  mtype seen; mtype found; bit overdue; byte ticks = 0;
  do
  :: ticks < 4 && epoch < LAST -> ticks++;
#ifdef NOLOCK
     atomic { seen = state; look() };                 /* anything may happen between reading and writing */
     atomic {
#else
     atomic {                                         /* the row is locked: what is decided on is what is written over */
       seen = state; look();
#endif
       if
       :: seen == QUEUED -> commit(WAITING, 0)
       :: (seen == CANARY || seen == BAKE) && found == BAD -> commit(ENDED, 0); ended = 1
#ifdef TIMEPASSES
       :: seen == CANARY && overdue && found != BAD -> RISE(found == GOOD); commit(BAKE, 1)
#else
       :: seen == CANARY && overdue && found == NONE -> commit(ENDED, 0); ended = 1
#endif
#ifdef MISSINGPASS
       :: seen == CANARY && found == NONE -> RISE(found == GOOD); commit(BAKE, 1)
#endif
#ifdef NOFREEZE
       :: seen == CANARY && found == GOOD -> RISE(found == GOOD); commit(BAKE, 1)
#else
       :: seen == CANARY && found == GOOD && !frozen -> RISE(found == GOOD); commit(BAKE, 1)
#endif
       :: seen == BAKE && found == GOOD && !frozen -> RISE(found == GOOD); commit(PROMOTED, 1)
       :: else -> skip
       fi;
       seen = QUEUED; found = NONE; overdue = 0; frozen = 0   /* forgotten: fewer states to look at */
     };
#ifdef SPLITAUDIT
     if :: audited < epoch -> audited++ :: break fi   /* it dies before the second transaction */
#endif
  :: true -> break                                    /* it dies, or has nothing more to do */
  od;
  done++
}

proctype person(bit isAuthor) {
  byte acts = 0;
  do
  :: acts < ACTS && epoch < LAST -> acts++;
     if
     :: atomic { state == WAITING ->                  /* approve, under the row's lock; nobody can inside a window */
          frozen = 0;
#ifdef SELFAPPROVE
          RISE(!isAuthor); commit(CANARY, 1)
#else
          if :: !isAuthor -> RISE(!isAuthor); commit(CANARY, 1) :: else -> skip fi
#endif
        }
     :: atomic { state != ENDED && state != PROMOTED -> commit(ENDED, 0); ended = 1 }   /* roll back: no precondition */
     :: skip
     fi
#ifdef SPLITAUDIT
     ; if :: audited < epoch -> audited++ :: else fi
#endif
  :: true -> break
  od;
  done++
}

inline apply(e) {
  assert(e >= applied);                               /* a snapshot never goes back */
  applied = e; served = live[e]; silence = 0
}

proctype gateway() {
  byte steps = 0;
  do
  :: steps < 4 -> steps++;
     if
     :: atomic { !cut && !isUnderWay -> underWay = epoch; isUnderWay = 1 }              /* a notification sets out */
     :: atomic { isUnderWay -> isUnderWay = 0;                                          /* and arrives, maybe late */
#ifdef NOMONO
          apply(underWay)
#else
          if :: underWay >= applied -> apply(underWay) :: else -> skip fi;
          underWay = 0
#endif
        }
     :: atomic { !cut -> apply(epoch) }                                                 /* it asks by itself */
     :: atomic { cut && silence < LEASE -> silence++;
#ifndef NOLEASE
          if :: silence >= LEASE -> served = 0 :: else -> skip fi
#endif
        }
     :: atomic { cut = 1; isUnderWay = 0; underWay = 0 }
     :: cut = 0
     fi
  :: true -> break
  od;
  done == 3;                                          /* the others have finished: now a lease's length passes */
  atomic {
    if
    :: cut ->
#ifndef NOLEASE
       served = 0
#else
       skip
#endif
    :: else -> apply(epoch)
    fi
  }
}

init {
  atomic { run engine(); run person(1); run person(0); run gateway() };
  _nr_pr == 1;
  assert(audited == epoch);                           /* every change has its audit entry */
  assert(!(state == ENDED && served));                /* after an end and a lease's length no candidate is served */
  assert(!(ended && state != ENDED))                  /* nothing comes after the end */
}
