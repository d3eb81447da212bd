/** The class of a picture where none is asked for: all classes in turn. @param place of the picture in its sequence */
export function labelInTurn(place: number, classes: number): number {
  return place % classes;
}
