import { stemOf } from './words.ts'

/** Pairs in which putting one for the other turns a statement around. */
const pairs =
  'increase decrease,increase reduce,rise fall,raise lower,high low,higher lower,highest lowest,more less,most least,many few,large small,larger smaller,big small,' +
  'long short,longer shorter,early late,earlier later,before after,first last,old new,young old,fast slow,faster slower,quick slow,strong weak,stronger weaker,good bad,' +
  'better worse,best worst,positive negative,success failure,succeed fail,successful unsuccessful,agree disagree,accept reject,approve reject,allow forbid,allow prevent,' +
  'include exclude,enable disable,enabled disabled,open closed,open close,start end,begin end,start stop,begin finish,win lose,gain lose,profit loss,buy sell,lend borrow,' +
  'send receive,give take,add remove,expand shrink,expand reduce,improve worsen,improve degrade,support oppose,encourage discourage,easy difficult,easy hard,simple complex,' +
  'simple complicated,cheap expensive,affordable expensive,inexpensive expensive,safe dangerous,safe risky,possible impossible,able unable,available unavailable,certain uncertain,' +
  'known unknown,common rare,frequent rare,often rarely,often seldom,always never,sometimes never,all none,every no,everyone nobody,likely unlikely,necessary unnecessary,' +
  'required optional,mandatory optional,public private,internal external,inside outside,above below,over under,upper lower,up down,left right,north south,east west,' +
  'male female,man woman,father mother,son daughter,husband wife,brother sister,maximum minimum,majority minority,same different,similar different,equal unequal,local global,' +
  'domestic foreign,urban rural,natural artificial,manual automatic,hot cold,warm cool,wet dry,heavy light,full empty,rich poor,wealthy poor,happy sad,satisfied dissatisfied,' +
  'satisfied unhappy,pleased disappointed,interested uninterested,comfortable uncomfortable,confident unsure,optimistic pessimistic,love hate,like dislike,true false,correct incorrect,' +
  'right wrong,legal illegal,active inactive,alive dead,present absent,visible invisible,direct indirect,formal informal,permanent temporary,voluntary involuntary,efficient inefficient,' +
  'effective ineffective,sufficient insufficient,adequate inadequate,appropriate inappropriate,regular irregular,relevant irrelevant,significant insignificant,major minor,primary secondary,' +
  'theoretical practical,supervised unsupervised,linear nonlinear,static dynamic,sparse dense,shallow deep,narrow wide,broad narrow,thin thick,export import,import export,input output,' +
  'upload download,online offline,employer employee,teacher student,seller buyer,customer supplier,doctor patient,plaintiff defendant,attack defend,attract repel,arrive depart,' +
  'remember forget,admit deny,confirm deny,praise criticize,hire fire,build destroy,create destroy,protect harm,benefit harm,advantage disadvantage,advantage drawback,strength weakness,' +
  'lack abundance,shortage surplus,outperform underperform,overestimate underestimate,maximize minimize,accelerate slow,strengthen weaken,hinder help,hinder facilitate,limited unlimited,' +
  'monthly yearly,daily weekly,weekly monthly,annual monthly,today tomorrow,yesterday tomorrow,morning evening,day night,summer winter,spring autumn,ancient modern,traditional modern'

/** Stem to the stems of its opposites. */
export const opposites: ReadonlyMap<string, ReadonlySet<string>> = readPairs()

function readPairs(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const pair of pairs.split(',')) {
    const [a = '', b = ''] = pair.split(' ').map(stemOf)
    found.set(a, (found.get(a) ?? new Set()).add(b))
    found.set(b, (found.get(b) ?? new Set()).add(a))
  }
  return found
}
